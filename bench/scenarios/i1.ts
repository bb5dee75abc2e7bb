/**
 * I1, presence flush amplification: many sessions send heartbeats, machines register meanwhile, and a foreign process
 * holds the lock in bursts.
 *
 * @module
 */
import { type Answer, openLoop, post } from './load.ts'
import { flushEveryMs, type Presence, type PresenceAnswer, type Registration } from './presence.ts'
import type { Driven, Scenario, Target } from './scenario.ts'
import { sessionId } from './schema.ts'
import type { Stored } from './stored.ts'

const clientTimeoutMs = 10_000
const heartbeatEveryMs = 2_000
/** A gateway sends the heartbeats that are due together. */
const gatewayEveryMs = 100
const registerEveryMs = 50

/** The scenario, and all of its sizes. */
export const i1: Scenario = {
  name: 'I1',
  story: [
    'Sessions send a heartbeat every 2 s, 20 machines a second register with a client timeout of 10 s, and a foreign',
    'process holds the write lock in bursts of 100 batches of 50 ms, 2 ms apart, with 500 ms between bursts.',
    'old: Kysely on better-sqlite3, busy_timeout 5,000 ms, one UPDATE per session and tick in a sequential loop.',
    'new: the demo; a coalescing buffer flushed with one statement in the background lane, registrations go by the',
    'control lane.',
    `Scaled: both flush every ${flushEveryMs.toLocaleString('en-US')} ms, where the incident had 5,000 ms.`,
    'Counts are of registrations, and of sessions by their freshest heartbeat; latencies are of registrations.',
  ],
  unit: 'sessions',
  plan: { sizes: [6, 50, 500, 5_000], rounds: 3, roundMs: flushEveryMs },
  programs: { old: 'old-presence-server', new: 'new-presence-server' },
  bursts: { holdMs: 50, gapMs: 2, batches: 100, pauseMs: 500 },
  sessions: (size) => size,
  drive,
  limits: { p99Ms: 2_000, loopGapMs: 500 },
}

interface Registered extends Answer {
  readonly id: string
}

async function drive({ url, size, durationMs }: Target): Promise<Driven> {
  /** The freshest acknowledged time of each session. */
  const acknowledged = new Map<string, number>()
  const [registrations] = await Promise.all([
    openLoop({ everyMs: registerEveryMs, durationMs }, (index) => register(url, `machine-${index}`)),
    openLoop({ everyMs: gatewayEveryMs, durationMs }, (index) => beat(url, dueAt(index, size), acknowledged)),
  ])
  return {
    attempted: registrations.length + size,
    failed: registrations.filter(({ isOk }) => !isOk).length + (size - acknowledged.size),
    latenciesMs: registrations.map(({ latencyMs }) => latencyMs),
    judge: (stored) => judge(stored, registrations, acknowledged),
  }
}

async function register(url: string, id: string): Promise<Registered> {
  const registration: Registration = { id, metadata: JSON.stringify({ host: id, version: '1.0.0' }) }
  return { id, ...(await post(`${url}/v1/machines`, registration, clientTimeoutMs)) }
}

/** Each session has its turn once per `heartbeatEveryMs`. */
function dueAt(index: number, size: number): string[] {
  const turns = heartbeatEveryMs / gatewayEveryMs
  const due: string[] = []
  for (let session = index % turns; session < size; session += turns) due.push(sessionId(session))
  return due
}

async function beat(url: string, sids: readonly string[], acknowledged: Map<string, number>): Promise<void> {
  if (sids.length === 0) return
  const time = Date.now()
  const body: Presence = { heartbeats: sids.map((sid) => ({ type: 'session-alive', sid, time })) }
  const answer = await post<PresenceAnswer>(`${url}/v1/presence`, body, clientTimeoutMs)
  if (!answer.isOk) return
  const dropped = new Set(answer.body?.dropped.map(({ index }) => index))
  for (const [index, sid] of sids.entries())
    if (!dropped.has(index)) acknowledged.set(sid, Math.max(time, acknowledged.get(sid) ?? 0))
}

function judge(
  { machines, sessions }: Stored,
  registrations: readonly Registered[],
  acknowledged: ReadonlyMap<string, number>,
): { committed: number; lost: number } {
  const lostMachines = registrations.filter(({ id, isOk }) => isOk && !machines.has(id))
  const stale = [...acknowledged].filter(([id, time]) => (sessions.get(id) ?? 0) < time)
  return {
    committed: machines.size + acknowledged.size - stale.length,
    lost: lostMachines.length + stale.length,
  }
}
