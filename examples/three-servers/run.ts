/**
 * Three demo servers on three runtimes, one libSQL server: `npm run start:three`. It tells what it does, and ends with a
 * table of what was acknowledged and what is there.
 *
 * @module
 */
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { Acknowledged } from './acknowledged.ts'
import { Auditor, type Finding } from './audit.ts'
import { Client } from './client.ts'
import { type DatabaseServer, startDatabaseServer } from './database-server.ts'
import { DemoProcess, type RuntimeName } from './demo-process.ts'
import { type Options, optionsOf } from './options.ts'
import { areSame, describePicture, pictureOf } from './picture.ts'
import { tableOf } from './table.ts'
import { type KillReport, killServer, restartDatabase, type Stage, stopServer } from './trials.ts'
import { until } from './until.ts'

/** What `--json` prints as the last line. */
export interface Result {
  readonly database: string
  readonly findings: readonly Finding[]
  /** What one server lost that was killed, before its clients sent it again. */
  readonly killed: KillReport
  /** Requests that clients had to send again. */
  readonly sentAgain: number
  /** Whether the database was restarted; one that was given is not. */
  readonly isRestarted: boolean
  /** Whether all three showed the same at the end. */
  readonly isOnePicture: boolean
  /** Machines that each server showed at the end. */
  readonly machinesShown: readonly number[]
}

const runtimes: readonly RuntimeName[] = ['node', 'bun', 'deno']
const machinesPerServer = 4

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
} catch (error) {
  console.error(error)
  for (const { runtime, output } of servers) console.error(`--- ${runtime}\n${output}`)
  process.exitCode = 1
} finally {
  // The database last: the servers write what they hold.
  await Promise.all(servers.map((server) => server.stop()))
  await database?.[Symbol.asyncDispose]()
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
    const result = await rehearse(auditor, database)
    tell(`\n${tableOf(result.findings)}\n`)
    const isGood = result.isOnePicture && result.findings.every(({ lost, twice }) => lost + twice === 0)
    tell(isGood ? 'Nothing that was acknowledged is lost.' : 'Something is wrong: see above.')
    if (options.json) tell(JSON.stringify(result))
    return isGood
  } finally {
    await auditor.close()
  }
}

async function rehearse(auditor: Auditor, { title, outage }: DatabaseServer): Promise<Result> {
  const prefix = `run${Date.now().toString(36)}-`
  const acknowledged = new Acknowledged()
  const clients = runtimes.flatMap((runtime, home) =>
    Array.from(
      { length: machinesPerServer },
      (_, index) => new Client(`${prefix}${runtime}-${index + 1}`, servers, home, acknowledged),
    ),
  )
  const stage: Stage = { servers, clients, acknowledged, auditor, phaseMs: options.phaseMs, tell }
  const pictures = () => Promise.all(servers.map((server) => pictureOf(server, prefix)))

  await Promise.all(clients.map((client) => client.register()))
  const [first] = await pictures()
  tell(
    `\n${machinesPerServer} machines were registered on each server. Asked of node: ${first && describePicture(first)}.`,
  )

  const end = new AbortController()
  const work = Promise.all(clients.map((client) => client.work(end.signal)))
  const failed = work.then(() => new Promise<never>(() => {}))
  const whileWorking = <T>(trial: Promise<T>): Promise<T> => Promise.race([trial, failed])
  const [node, bun] = servers as [DemoProcess, DemoProcess]

  await whileWorking(sleep(options.phaseMs))
  tell(
    `Under load: ${acknowledged.sum('heartbeats')} heartbeats and ${acknowledged.events.size} usage events so far.`,
  )
  if (outage === undefined) tell('The database was given, so it is not restarted.')
  else await whileWorking(restartDatabase(stage, outage))
  await whileWorking(sleep(options.phaseMs))
  const killed = await whileWorking(killServer(stage, bun))
  await whileWorking(Promise.all([stopServer(stage, node), sleep(options.phaseMs)]))
  await whileWorking(Promise.all([node.start(), bun.start()]))
  tell('Both were started again.')
  end.abort()
  await work

  await until('all servers show the same', async () => areSame(await pictures()))
  const shown = await pictures()
  for (const [index, picture] of shown.entries())
    tell(`Asked of ${servers[index]?.runtime}: ${describePicture(picture)}.`)
  await until('everything is stored', async () =>
    (await auditor.findings(acknowledged)).every(({ lost }) => lost === 0),
  ).catch(() => {})
  return {
    database: title,
    findings: await auditor.findings(acknowledged),
    killed,
    sentAgain: acknowledged.sentAgain,
    isRestarted: outage !== undefined,
    isOnePicture: areSame(shown),
    machinesShown: shown.map(({ machines }) => machines.length),
  }
}
