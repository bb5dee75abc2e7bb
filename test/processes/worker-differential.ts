/** Runs generated programs, each on an empty database in memory, and answers what each of them answered. */
import { openStorage } from 'unbusy'
import type { AnyDatabase } from '../contract/case.ts'
import type { Program } from '../contract/differential/program.ts'
import { runProgram, type Transcript } from '../contract/differential/run.ts'
import { connector, hear, say } from './worker.ts'

const programs: Program[] = JSON.parse(decodeURIComponent(String(await hear())))
const transcripts: Transcript[] = []
for (const program of programs) {
  await using storage = await openStorage<AnyDatabase>({ connector: await connector(), onWarning: () => {} })
  transcripts.push(await runProgram(storage, program))
}
say(encodeURIComponent(JSON.stringify(transcripts)))
// An exit would cut off a long line.
await hear()
