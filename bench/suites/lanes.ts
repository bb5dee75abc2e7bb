/**
 * Control writes beside a flush and a stranger: 5,000 sessions are flushed in the background lane, another process holds
 * the lock in batches of 50 ms, and now and then somebody registers in the control lane. Measured is how long the
 * registrations wait for the lock, from the call until it is their turn with the lock held, and how long slices of the
 * flush hold it.
 *
 * @module
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openStorage, type Storage } from 'unbusy'
import { connectorOf } from '../connectors.ts'
import { startForeignBatches } from '../foreign-batches.ts'
import { openPlain } from '../plain.ts'
import type { SuiteContext } from '../result.ts'
import { median, quantile, spreadOf } from '../rounds.ts'
import { type BenchSchema, createEvent, createSession, sessionId } from '../schema.ts'
import { type Hold, watchWriter } from '../watch-writer.ts'

const sessions = 5_000
const holdMs = 50
/** What the lock may take beyond the hold of the stranger. */
const slackMs = 15
const maxSliceMs = 5

/** Every session comes so often. */
const heartbeatMs = 2_000
/** Somebody registers so often, on average. */
const registerMs = 25

export async function lanes(context: SuiteContext): Promise<void> {
  const { connector, folder, isQuick, report } = context
  const path = join(folder, 'ours.db')
  await create(connector, path)
  const measured: Measured = { calledAtMs: new Map(), lockWaitsMs: [], slicesMs: [] }
  const storage = await openStorage<BenchSchema>({
    connector: watchWriter(await connectorOf(connector, path), (hold) => note(measured, hold)),
  })
  const foreign = await startForeignBatches(path, holdMs, holdMs)

  const rounds = isQuick ? 1 : 5
  const waits: number[] = []
  const p99s: number[] = []
  for (let round = 0; round < rounds; round++) {
    await load(storage, measured, isQuick ? 1_000 : 12_000)
    const roundWaits = measured.lockWaitsMs.splice(0)
    waits.push(...roundWaits)
    p99s.push(quantile(roundWaits, 0.99))
  }
  const holdsMs = await foreign.stop()
  await storage.close()

  const p99Ms = quantile(waits, 0.99)
  // What it really was: on a busy machine the stranger is late to commit, too.
  const foreignHoldMs = median(holdsMs)
  const spread = spreadOf(p99s)
  report({
    case: 'lanes/control-lock-wait',
    ratio: (foreignHoldMs + slackMs) / p99Ms,
    rounds,
    spread,
    p99Ms,
    medianMs: median(waits),
    maxMs: Math.max(...waits),
    holdMs: foreignHoldMs,
    holdP99Ms: quantile(holdsMs, 0.99),
    registrations: waits.length,
  })
  const sliceMedianMs = median(measured.slicesMs)
  report({
    case: 'lanes/slice',
    ratio: maxSliceMs / sliceMedianMs,
    rounds: measured.slicesMs.length,
    spread: spreadOf(measured.slicesMs),
    sliceMedianMs,
    sliceP99Ms: quantile(measured.slicesMs, 0.99),
  })
}

interface Measured {
  /** Registrations on their way, by their number. */
  readonly calledAtMs: Map<number, number>
  readonly lockWaitsMs: number[]
  readonly slicesMs: number[]
}

function note({ calledAtMs, lockWaitsMs, slicesMs }: Measured, hold: Hold): void {
  for (const { statement, startedAtMs } of hold.statements) {
    if (statement.sql.startsWith('insert into "event"')) {
      const number = Number(statement.parameters[0])
      lockWaitsMs.push(startedAtMs - (calledAtMs.get(number) ?? Number.NaN))
      calledAtMs.delete(number)
    } else if (statement.sql.startsWith('update "session"')) {
      slicesMs.push(hold.endedAtMs - hold.startedAtMs)
    }
  }
}

/** Sessions send heartbeats and somebody registers, for so long. */
async function load(storage: Storage<BenchSchema>, measured: Measured, durationMs: number): Promise<void> {
  const repository = storage.repository('session', { key: 'id' })
  const presence = storage.coalesce({
    key: (seen: { readonly id: string; readonly last_active_at: number; readonly active: number }) => seen.id,
    maxPending: sessions,
    intervalMs: 500,
    flush: (seen, flushContext) =>
      repository.updateMany(seen, { onlyIfGreater: 'last_active_at', ...flushContext }),
  })
  const endMs = performance.now() + durationMs
  await Promise.all([heartbeats(presence, endMs), registrations(storage, measured, endMs)])
  await presence.close()
}

async function heartbeats(
  presence: { set(seen: { id: string; last_active_at: number; active: number }): unknown },
  endMs: number,
): Promise<void> {
  const tickMs = 10
  let next = 0
  while (performance.now() < endMs) {
    for (let count = 0; count < (sessions * tickMs) / heartbeatMs; count++) {
      presence.set({ id: sessionId(next), last_active_at: Date.now(), active: 1 })
      next = (next + 1) % sessions
    }
    await sleep(tickMs)
  }
}

/** None waits for the one before: who comes while the lock is held must count, too. */
async function registrations(
  storage: Storage<BenchSchema>,
  measured: Measured,
  endMs: number,
): Promise<void> {
  const control = storage.with({ lane: 'control' })
  const running: Promise<unknown>[] = []
  while (performance.now() < endMs) {
    const n = nextNumber()
    measured.calledAtMs.set(n, performance.now())
    running.push(control.insertInto('event').values({ n, text: 'registered' }).execute())
    await sleep(Math.random() * 2 * registerMs)
  }
  await Promise.all(running)
}

async function create(connector: string, path: string): Promise<void> {
  const plain = await openPlain(connector, path)
  for (const sql of [createSession, createEvent, 'create table foreign_batch (n integer)'])
    await plain.exec(sql)
  const insertAll = plain.transaction<string>(
    'insert into session (id, last_active_at, active) values (?, ?, ?)',
    (statement, id) => {
      statement.run(id, 0, 0)
    },
  )
  await insertAll(Array.from({ length: sessions }, (_, number) => sessionId(number)))
  plain.close()
}

let lastNumber = 0

function nextNumber(): number {
  lastNumber++
  return lastNumber
}
