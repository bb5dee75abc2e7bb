/**
 * Single inserts by callers that do not know of each other: each awaits its insert and makes the next one.
 *
 * @module
 */
import { join } from 'node:path'
import { openStorage, type Storage } from 'unbusy'
import { connectorOf } from '../connectors.ts'
import { openPlain } from '../plain.ts'
import type { SuiteContext } from '../result.ts'
import { compare, interleave, median, type Variant } from '../rounds.ts'
import { type BenchSchema, createEvent } from '../schema.ts'

type Insert = (n: number) => Promise<unknown>

interface Inserts {
  readonly kysely: Insert
  readonly ours: Insert
  readonly prepared: Insert
}

export async function insert(context: SuiteContext): Promise<void> {
  const { connector, folder, isQuick } = context
  const plain = await openPlain(connector, join(folder, 'plain.db'))
  const raw = await openPlain(connector, join(folder, 'raw.db'))
  for (const database of [plain, raw]) await database.exec(createEvent)
  const ours = await openOurs(connector, join(folder, 'ours.db'))
  const inserts: Inserts = {
    kysely: (n) => plain.db.insertInto('event').values({ text: 'hello', n }).execute(),
    ours: (n) => ours.db.insertInto('event').values({ text: 'hello', n }).execute(),
    prepared: prepare(ours),
  }
  const rawInsert = raw.transaction<number>('insert into event (text, n) values (?, ?)', (statement, n) => {
    statement.run('hello', n)
  })
  const rowCount = isQuick ? 256 : 4_096
  const numbers = Array.from({ length: rowCount }, (_, n) => n)
  const rawVariant: Variant = {
    run: () => rawInsert(numbers),
    units: rowCount,
  }

  for (const callers of [1, 64, 256]) await compareCallers(context, inserts, callers, rowCount, rawVariant)
  await ours.close()
  for (const database of [plain, raw]) database.close()
  await compareFull(context)
}

async function compareCallers(
  { report, isQuick }: SuiteContext,
  inserts: Inserts,
  callers: number,
  rowCount: number,
  raw: Variant,
): Promise<void> {
  const times = await interleave(
    {
      kysely: crowd(inserts.kysely, callers, rowCount),
      // As much time, not as many rows: a short run would not get warm.
      ours: crowd(inserts.ours, callers, rowCount * 4),
      prepared: crowd(inserts.prepared, callers, rowCount * 4),
      raw,
    },
    { rounds: isQuick ? 2 : 41, warmUps: isQuick ? 1 : 3, budgetMs: 25_000 },
  )
  const name = `insert/${callers}`
  const [ours, prepared] = [{ oursUs: median(times.ours) }, { oursUs: median(times.prepared) }]
  report({ case: `${name}-vs-kysely`, ...compare(times.kysely, times.ours), ...ours })
  report({ case: `${name}-prepared-vs-kysely`, ...compare(times.kysely, times.prepared), ...prepared })
  if (callers < 256) return
  report({ case: `${name}-prepared-vs-raw`, ...compare(times.raw, times.prepared), ...prepared })
}

/** With synchronous=FULL every commit waits for the disk. */
async function compareFull({ connector, folder, isQuick, report }: SuiteContext): Promise<void> {
  const callers = 64
  const plain = await openPlain(connector, join(folder, 'plain-full.db'), { synchronous: 'full' })
  await plain.exec(createEvent)
  const ours = await openOurs(connector, join(folder, 'ours-full.db'), 'full')
  const rowCount = isQuick ? 64 : 512
  const times = await interleave(
    {
      kysely: crowd(
        (n) => plain.db.insertInto('event').values({ text: 'hello', n }).execute(),
        callers,
        rowCount,
      ),
      ours: crowd(
        (n) => ours.db.insertInto('event').values({ text: 'hello', n }).execute(),
        callers,
        rowCount * 8,
      ),
    },
    { rounds: isQuick ? 2 : 15, warmUps: 1, budgetMs: 30_000 },
  )
  report({
    case: `insert/${callers}-full-vs-kysely`,
    ...compare(times.kysely, times.ours),
    oursUs: median(times.ours),
  })
  await ours.close()
  plain.close()
}

/** So many callers that take turns at `rowCount` inserts. */
function crowd(insertOne: Insert, callers: number, rowCount: number): Variant {
  const run = async (count: number): Promise<void> => {
    let left = count
    const caller = async (): Promise<void> => {
      while (left > 0) await insertOne(left--)
    }
    await Promise.all(Array.from({ length: callers }, caller))
  }
  return { warmUp: () => run(rowCount / 8), run: () => run(rowCount), units: rowCount }
}

function prepare(storage: Storage<BenchSchema>): Insert {
  const insertEvent = storage.prepare((db, event: { n: number }) =>
    db.insertInto('event').values({ text: 'hello', n: event.n }),
  )
  return (n) => insertEvent({ n })
}

async function openOurs(
  connector: string,
  path: string,
  synchronous: 'normal' | 'full' = 'normal',
): Promise<Storage<BenchSchema>> {
  const plain = await openPlain(connector, path)
  await plain.exec(createEvent)
  plain.close()
  return openStorage<BenchSchema>({ connector: await connectorOf(connector, path), pragmas: { synchronous } })
}
