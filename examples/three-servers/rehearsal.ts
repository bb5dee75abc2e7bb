/**
 * The whole story: machines on all servers, load, one trial after the other, and what is there at the end.
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Acknowledged } from './acknowledged.ts'
import type { Finding } from './audit.ts'
import { Client } from './client.ts'
import type { DatabaseServer } from './database-server.ts'
import type { DemoProcess } from './demo-process.ts'
import { areSame, describePicture, type Picture, pictureOf, stalestMs } from './picture.ts'
import {
  crashDatabase,
  type KillReport,
  killServer,
  restartDatabase,
  type Stage,
  stopServer,
} from './trials.ts'
import { until } from './until.ts'

/** What `--json` prints as the last line. */
export interface Result {
  readonly database: string
  readonly databaseUrl: string
  readonly findings: readonly Finding[]
  /** What the killed server lost, before its clients sent it again. */
  readonly killed: KillReport
  /** Requests that clients had to send again. */
  readonly sentAgain: number
  /** Whether the database was restarted; one that was given is not. */
  readonly isRestarted: boolean
  /** Machines that each server showed once all were registered. */
  readonly machinesShown: readonly number[]
  /** Machines that each server showed as active under load. */
  readonly activeShown: readonly number[]
  /** Whether all three showed the same at the end. */
  readonly isOnePicture: boolean
}

/** What is played with. */
export interface Cast extends Pick<Stage, 'servers' | 'auditor' | 'phaseMs' | 'tell'> {
  readonly database: DatabaseServer
}

const machinesPerServer = 4

/** Whether all promises were kept. */
export function isGood({ isOnePicture, findings }: Result): boolean {
  return isOnePicture && findings.every(({ lost, twice }) => lost + twice === 0)
}

/** Plays it, and answers what came of it. */
export async function rehearse({ database, ...cast }: Cast): Promise<Result> {
  const { servers, auditor, phaseMs, tell } = cast
  // Of this run alone: a database that was given may have others.
  const prefix = `run${Date.now().toString(36)}-`
  const acknowledged = new Acknowledged()
  const clients = servers.flatMap(({ runtime }, home) =>
    Array.from({ length: machinesPerServer }, (_, index) => {
      return new Client(`${prefix}${runtime}-${index + 1}`, servers, home, acknowledged)
    }),
  )
  const stage: Stage = { ...cast, clients, acknowledged }
  const look = (): Promise<Picture[]> => Promise.all(servers.map((server) => pictureOf(server, prefix)))
  const show = (pictures: readonly Picture[]): void => {
    for (const [index, picture] of pictures.entries())
      tell(`  ${servers[index]?.runtime} shows ${describePicture(picture)}`)
  }

  await Promise.all(clients.map((client) => client.register()))
  const registered = await look()
  tell(`\n${machinesPerServer} machines were registered on each server. At once`)
  show(registered)

  const end = new AbortController()
  const work = Promise.all(clients.map((client) => client.work(end.signal)))
  const failed = work.then(() => new Promise<never>(() => {}))
  // It is looked at with the next step.
  failed.catch(() => {})
  const underLoad = <T>(step: Promise<T>): Promise<T> => Promise.race([step, failed])
  const [node, bun] = servers as readonly [DemoProcess, DemoProcess, DemoProcess]

  await underLoad(sleep(phaseMs))
  let loaded = await look()
  await underLoad(
    until('heartbeats on any server show on all', async () => {
      loaded = await look()
      return loaded.every(({ machines }) => machines.every(({ active }) => active))
    }),
  )
  tell(`\n${acknowledged.heartbeats} heartbeats and ${acknowledged.events.size} usage events later`)
  show(loaded)
  tell(`  and nowhere is a sign of life older than ${Math.max(...loaded.map(stalestMs))} ms\n`)

  const { outage, title, url } = database
  if (outage === undefined) tell('The database was given: it is not restarted.')
  else {
    await underLoad(restartDatabase(stage, outage))
    await underLoad(crashDatabase(stage, outage))
  }
  await underLoad(sleep(phaseMs))
  const killed = await underLoad(killServer(stage, bun))
  await underLoad(Promise.all([stopServer(stage, node), sleep(phaseMs)]))
  end.abort()
  await work
  await Promise.all([node.start(), bun.start()])

  await until('all servers show the same', async () => areSame(await look())).catch(() => {})
  const last = await look()
  tell('\nBoth were started again. When all is quiet')
  show(last)
  const findings = (): Promise<readonly Finding[]> => auditor.findings(acknowledged)
  await until('everything is stored', async () => (await findings()).every(({ lost }) => lost === 0)).catch(
    () => {},
  )
  return {
    database: title,
    databaseUrl: url,
    findings: await findings(),
    killed,
    sentAgain: acknowledged.sentAgain,
    isRestarted: outage !== undefined,
    machinesShown: registered.map(({ machines }) => machines.length),
    activeShown: loaded.map(({ machines }) => machines.filter(({ active }) => active).length),
    isOnePicture: areSame(last),
  }
}
