/**
 * A flush of presence: N random ones of 20,000 sessions change, by a loop of single updates as it is written today, by a
 * transaction written by hand, and by a repository. Every variant has a file of its own, and rows of its own each time.
 *
 * @module
 */
import { join } from 'node:path'
import { openStorage, type Storage } from 'unbusy'
import { connectorOf } from '../connectors.ts'
import type { PlainDatabase } from '../plain/database.ts'
import { openPlain } from '../plain.ts'
import type { SuiteContext } from '../result.ts'
import { compare, interleave, median, type Variant } from '../rounds.ts'
import { type BenchSchema, createSession, sessionId } from '../schema.ts'

/** What a flush changes of a session. */
interface Seen {
  readonly id: string
  readonly last_active_at: number
  readonly active: number
}

const rawUpdate = 'update session set last_active_at = ?, active = ? where id = ?'

/** How many flushes of N rows a round has. */
const runsOf: Readonly<Record<number, number>> = { 10: 20, 100: 8, 1000: 4, 10000: 1 }

export async function flush(context: SuiteContext): Promise<void> {
  const { connector, folder, isQuick } = context
  const sessions = isQuick ? 2_000 : 20_000
  const loop = await openPlain(connector, join(folder, 'loop.db'))
  const raw = await openPlain(connector, join(folder, 'raw.db'))
  const ours = await openOurs(connector, join(folder, 'ours.db'), sessions)
  for (const plain of [loop, raw]) await seed(plain, sessions)

  for (const size of isQuick ? [10, 1_000] : [10, 100, 1_000])
    await compareSize(context, { loop, raw, ours, sessions }, size)
  if (!isQuick) await compareTenThousand(context, { loop, raw, ours, sessions })

  await ours.close()
  for (const plain of [loop, raw]) plain.close()
}

interface Databases {
  readonly loop: PlainDatabase
  readonly raw: PlainDatabase
  readonly ours: Storage<BenchSchema>
  readonly sessions: number
}

async function compareSize(context: SuiteContext, databases: Databases, size: number): Promise<void> {
  const runs = context.isQuick ? 1 : (runsOf[size] ?? 1)
  const sample = sampler(databases.sessions, size)
  const times = await interleave(
    {
      loop: sample(loopOf(databases.loop), runs),
      raw: sample(rawOf(databases.raw), runs),
      ours: sample(oursOf(databases.ours), runs),
    },
    { rounds: context.isQuick ? 2 : 60, budgetMs: 20_000 },
  )
  const lockCycles = await lockCyclesOf(databases, size)
  const figures = { oursUs: median(times.ours), lockCycles }
  context.report({ case: `flush/${size}-vs-loop`, ...compare(times.loop, times.ours), ...figures })
  context.report({ case: `flush/${size}-vs-raw`, ...compare(times.raw, times.ours), ...figures })
}

async function compareTenThousand(context: SuiteContext, databases: Databases): Promise<void> {
  const size = 10_000
  const sample = sampler(databases.sessions, size)
  const times = await interleave(
    {
      loop: sample(loopOf(databases.loop), 1),
      raw: sample(rawOf(databases.raw), 1),
      atomic: sample(oursOf(databases.ours, true), 1),
      sliced: sample(oursOf(databases.ours), 1),
      thousand: tenFlushes(databases),
    },
    { rounds: 31, budgetMs: 45_000 },
  )
  const atomic = { oursUs: median(times.atomic), lockCycles: await lockCyclesOf(databases, size, true) }
  const sliced = { oursUs: median(times.sliced), lockCycles: await lockCyclesOf(databases, size) }
  context.report({ case: 'flush/10000-vs-loop', ...compare(times.loop, times.atomic), ...atomic })
  context.report({ case: 'flush/10000-vs-raw', ...compare(times.raw, times.atomic), ...atomic })
  context.report({ case: 'flush/10000-sliced-vs-loop', ...compare(times.loop, times.sliced), ...sliced })
  const bound = times.thousand.map((us) => us * 12)
  const thousands = median(times.sliced) / median(times.thousand)
  context.report({
    case: 'flush/10000-sliced-vs-1000',
    ...compare(bound, times.sliced),
    ...sliced,
    thousands,
  })
}

type Flush = (rows: readonly Seen[]) => unknown

/** Makes variants that flush `size` rows, other ones each time. */
function sampler(sessions: number, size: number): (flushRows: Flush, runs: number) => Variant {
  const ids = Array.from({ length: sessions }, (_, number) => sessionId(number))
  return (flushRows, runs) => {
    let rows: readonly Seen[] = []
    const prepare = (): void => {
      rows = pick(ids, size).map((id) => ({ id, last_active_at: nextTime(), active: 1 }))
    }
    const run = (): unknown => flushRows(rows)
    const warmUp = async (): Promise<void> => {
      prepare()
      await run()
    }
    return { prepare, warmUp, run, runs }
  }
}

function loopOf({ db }: PlainDatabase): Flush {
  return async (rows) => {
    for (const { id, last_active_at, active } of rows) {
      await db.updateTable('session').set({ last_active_at, active }).where('id', '=', id).execute()
    }
  }
}

function rawOf(plain: PlainDatabase): Flush {
  return plain.transaction<Seen>(rawUpdate, (statement, { id, last_active_at, active }) => {
    statement.run(last_active_at, active, id)
  })
}

function oursOf(storage: Storage<BenchSchema>, atomic = false): Flush {
  const repository = storage.repository('session', { key: 'id' })
  return (rows) => repository.updateMany(rows, { atomic })
}

/** Ten flushes of 1,000 rows: each pays its share of the checkpoints, as one of 10,000 does. */
function tenFlushes({ ours, sessions }: Databases): Variant {
  const flushes = Array.from({ length: 10 }, () => sampler(sessions, 1_000)(oursOf(ours), 1))
  return {
    prepare() {
      for (const { prepare } of flushes) void prepare?.()
    },
    warmUp: () => flushes[0]?.warmUp?.(),
    async run() {
      for (const { run } of flushes) await run()
    },
    units: flushes.length,
  }
}

async function lockCyclesOf({ ours, sessions }: Databases, size: number, atomic = false): Promise<number> {
  const flushOnce = sampler(sessions, size)(oursOf(ours, atomic), 1)
  const before = ours.stats().lockCycles
  await flushOnce.prepare?.()
  await flushOnce.run()
  return ours.stats().lockCycles - before
}

async function openOurs(connector: string, path: string, sessions: number): Promise<Storage<BenchSchema>> {
  const plain = await openPlain(connector, path)
  await seed(plain, sessions)
  plain.close()
  return openStorage<BenchSchema>({ connector: await connectorOf(connector, path) })
}

async function seed(plain: PlainDatabase, sessions: number): Promise<void> {
  await plain.exec(createSession)
  const insertAll = plain.transaction<string>(
    'insert into session (id, last_active_at, active) values (?, ?, ?)',
    (statement, id) => {
      statement.run(id, 0, 0)
    },
  )
  await insertAll(Array.from({ length: sessions }, (_, number) => sessionId(number)))
}

/** Shuffles the first `size` places. */
function pick(ids: string[], size: number): string[] {
  for (let index = 0; index < size; index++) {
    const other = index + Math.floor(Math.random() * (ids.length - index))
    const id = ids[index] as string
    ids[index] = ids[other] as string
    ids[other] = id
  }
  return ids.slice(0, size)
}

let lastTime = 1_700_000_000_000

/** Never the same, so that every row does change. */
function nextTime(): number {
  lastTime++
  return lastTime
}
