import { appendFileSync, writeFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { CompiledQuery } from 'kysely'
import { openStorage } from 'unbusy'
import { program } from '../contract/differential-programs.ts'
import { runProgram } from '../contract/differential-run.ts'
import { connectorTo } from '../contract/matrix.ts'

for (const p of fc.sample(program, { seed: 20260, numRuns: 200 })) {
  writeFileSync('/tmp/h1/last.json', JSON.stringify(p))
  const storage = await openStorage<any>({
    connector: await connectorTo('libsql', ':memory:'),
    onWarning: () => {},
  })
  const ex = (storage.db as any).getExecutor()
  await runProgram(storage, p).catch((e) => console.log(e))
  await storage.close()
}
