/**
 * What goes wrong in the run, one trial after the other, each under load and each told in plain lines.
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Acknowledged } from './acknowledged.ts'
import type { Auditor } from './audit.ts'
import type { Client } from './client.ts'
import type { Outage } from './database-server.ts'
import type { DemoProcess } from './demo-process.ts'
import { until } from './until.ts'

/** What the trials work with. */
export interface Stage {
  readonly servers: readonly DemoProcess[]
  readonly clients: readonly Client[]
  readonly acknowledged: Acknowledged
  readonly auditor: Auditor
  /** How long each phase of load is, in milliseconds. */
  readonly phaseMs: number
  readonly tell: (line: string) => void
}

/** What became of what a server had only taken in when it was killed. */
export interface KillReport {
  /** Usage events that it had acknowledged. */
  readonly events: number
  /** Of these, how many were not stored. */
  readonly lost: number
  /** How long before the kill the oldest of those was acknowledged, in milliseconds. */
  readonly oldestLostMs: number
  /** How far the stored sign of life of a machine of its was behind the acknowledged one, at most, in milliseconds. */
  readonly presenceBehindMs: number
}

/** So many events wait only if a flush of them is under way: it starts every 100 ms. */
const eventsOfFlush = 10
const lastWordsMs = 200
/** How long a client remembers what was answered with 202: longer than such an event waits until it is stored. */
const rememberedMs = 5_000

/** Ends the database while flushes of all servers are under way, and starts it again on the same files. */
export async function restartDatabase(stage: Stage, outage: Outage): Promise<void> {
  const { servers, acknowledged, phaseMs, tell } = stage
  const waiting = (): Promise<number[]> =>
    Promise.all(servers.map((server) => server.figure('demo_usage_events_pending')))
  await outage.freeze()
  await until('a flush is under way on each server', async () =>
    (await waiting()).every((count) => count > eventsOfFlush),
  )
  await outage.kill()
  tell('The database was frozen until each server had a flush under way, and then killed. It is down.')
  await sleep(phaseMs / 2)
  const counts = (await waiting()).map((count, index) => `${servers[index]?.runtime} ${count}`)
  tell(`Heartbeats and usage events are acknowledged all the same; events that wait: ${counts.join(', ')}.`)
  const keys = [...acknowledged.events.keys()]
  await outage.start()
  await catchUp(stage, keys)
}

/** Ends the database at any moment: some of what it has done is not answered. */
export async function crashDatabase(stage: Stage, outage: Outage): Promise<void> {
  await outage.kill()
  const keys = [...stage.acknowledged.events.keys()]
  await outage.start()
  stage.tell('The database was killed once more, at no moment in particular.')
  await catchUp(stage, keys)
}

/** Waits until these events are stored. Their clients send none of them again. */
async function catchUp({ auditor, tell }: Stage, keys: readonly string[]): Promise<void> {
  const startMs = performance.now()
  await until('what was acknowledged without the database is stored', async () => {
    return (await auditor.storedOf(keys)).size === keys.length
  })
  const tookMs = Math.round(performance.now() - startMs)
  tell(
    `It is up again on the same files, and ${tookMs} ms later all ${keys.length} events so far are stored.`,
  )
}

/** Kills a server, looks what of its is lost, and has its clients send again what it had only taken in. */
export async function killServer(stage: Stage, server: DemoProcess): Promise<KillReport> {
  const { clients, acknowledged, auditor, tell } = stage
  await server.kill()
  const killedAtMs = Date.now()
  const beats = clients
    .filter(({ record }) => record.heartbeatBy === server.runtime)
    .map(({ record: { id, heartbeatAtMs } }) => ({ id, heartbeatAtMs }))
  const seenAtMs = await auditor.seenAtMs()
  // Its last answers may still be on their way, and so may its last request to the database.
  await sleep(lastWordsMs)
  const events = [...acknowledged.events].filter(([, { by }]) => by === server.runtime)
  const stored = await auditor.storedOf(events.map(([key]) => key))
  const lost = events.filter(([key]) => !stored.has(key))
  const late = events.filter(([, { atMs }]) => atMs > killedAtMs - rememberedMs)
  const report = {
    events: events.length,
    lost: lost.length,
    oldestLostMs: Math.max(0, ...lost.map(([, { atMs }]) => killedAtMs - atMs)),
    presenceBehindMs: Math.max(
      0,
      ...beats.map(({ id, heartbeatAtMs }) => heartbeatAtMs - (seenAtMs.get(id) ?? 0)),
    ),
  }
  tell(
    `The ${server.runtime} server was killed (SIGKILL). Of ${report.events} usage events that it had taken in (202), ` +
      `${report.lost} are not stored, the oldest of them ${report.oldestLostMs} ms old; presence is ` +
      `${report.presenceBehindMs} ms behind.`,
  )
  await Promise.all(
    late.map(([key]) => clients.find(({ record }) => key.startsWith(`${record.id}/`))?.sendEvent(key)),
  )
  tell(
    `Its clients went on to the others, and sent the ${late.length} events of its last ${rememberedMs} ms again, ` +
      'under the same keys.',
  )
  return report
}

/** Stops a server as an update does. */
export async function stopServer({ tell }: Stage, server: DemoProcess): Promise<void> {
  await server.stop()
  const [last] = /^Drained: .*$/m.exec(server.output) ?? ['it did not say that it drained']
  tell(`The ${server.runtime} server was stopped (SIGTERM). ${last}.`)
}
