/**
 * Three demo servers on three runtimes, one libSQL server: `npm run start:three`. It tells what it does, and ends with a
 * table of what was acknowledged and what is there.
 *
 * @module
 */
import process from 'node:process'
import { Auditor } from './audit.ts'
import { type DatabaseServer, startDatabaseServer } from './database-server.ts'
import { DemoProcess, type RuntimeName } from './demo-process.ts'
import { type Options, optionsOf } from './options.ts'
import { isGood, rehearse } from './rehearsal.ts'
import { tableOf } from './table.ts'

const runtimes: readonly RuntimeName[] = ['node', 'bun', 'deno']

const options: Options = optionsOf(process.argv.slice(2))
const tell = (line: string): void => console.log(line)
const interrupted = Promise.withResolvers<'interrupted'>()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => interrupted.resolve('interrupted'))

const authToken = process.env.LIBSQL_SERVER_AUTH_TOKEN
const servers: DemoProcess[] = []
let database: DatabaseServer | undefined
try {
  const outcome = await Promise.race([play(), interrupted.promise])
  process.exitCode = outcome === 'interrupted' ? 130 : outcome ? 0 : 1
  if (outcome !== 'interrupted' && options.keep) {
    tell(`\nStill running: ${servers.map(({ url }) => url).join(' ')}; Ctrl-C ends them.`)
    await interrupted.promise
  }
  if (outcome === 'interrupted' || options.keep) tell('Ending: the servers write what they hold.')
} catch (error) {
  console.error(error)
  for (const { runtime, output } of servers) console.error(`--- ${runtime}\n${output}`)
  process.exitCode = 1
} finally {
  // The database last: the servers write what they hold first.
  await Promise.all(servers.map((server) => server.dispose()))
  await database?.end()
  process.exit()
}

/** Answers whether nothing was lost. */
async function play(): Promise<boolean> {
  database = await startDatabaseServer(options.server)
  tell(`One database: ${database.title} at ${new URL(database.url).host}`)
  const env = {
    DATABASE_URL: database.url,
    ...(authToken !== undefined && { DATABASE_AUTH_TOKEN: authToken }),
  }
  servers.push(
    ...runtimes.map((runtime, index) => new DemoProcess(runtime, options.port && options.port + index, env)),
  )
  await Promise.all(servers.map((server) => server.start()))
  for (const { runtime, url } of servers) tell(`A demo server on ${runtime}: ${url}`)
  const auditor = await Auditor.open(database.url, authToken)
  try {
    const { phaseMs } = options
    const result = await rehearse({ servers, auditor, database, phaseMs, tell })
    tell(`\n${tableOf(result.findings)}\n`)
    tell(isGood(result) ? 'Nothing that was acknowledged is lost.' : 'Something is wrong: see above.')
    if (options.json) tell(JSON.stringify(result))
    return isGood(result)
  } finally {
    await auditor.close()
  }
}
