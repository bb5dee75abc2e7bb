/**
 * What a request pays to hand something to a buffer, and what a full one costs in memory. The database is not touched:
 * nothing of this yields, so no flush begins before a round is over.
 *
 * @module
 */
import { join } from 'node:path'
import { openStorage, type Storage } from 'unbusy'
import { connectorOf } from '../connectors.ts'
import { openPlain } from '../plain.ts'
import type { SuiteContext } from '../result.ts'
import { collectGarbage, interleave, median, spreadOf, type Variant } from '../rounds.ts'
import { type BenchSchema, createEvent } from '../schema.ts'

/** A push may take so long. */
const maxUs = 2
/** A full queue may add so much to the heap, however many rows are pushed. */
const maxHeapGrowthMb = 1

const capacity = 10_000

export async function enqueue(context: SuiteContext): Promise<void> {
  const { connector, folder, isQuick } = context
  const path = join(folder, 'ours.db')
  const plain = await openPlain(connector, path)
  await plain.exec(createEvent)
  plain.close()
  const storage = await openStorage<BenchSchema>({ connector: await connectorOf(connector, path) })
  await measurePushes(context, storage)
  await measureMemory(context, storage, isQuick ? 20_000 : 1_000_000)
  await storage.close()
}

async function measurePushes(
  { report, isQuick }: SuiteContext,
  storage: Storage<BenchSchema>,
): Promise<void> {
  const times = await interleave(
    {
      append: pushes(emptyQueue(storage)),
      'append-full': pushes(fullQueue(storage)),
      'append-drop-oldest': pushes(fullQueue(storage, { overflow: 'drop-oldest' })),
      'append-stamped': pushes(emptyQueue(storage, { timestamp: 'created_at', idempotencyKey: 'id' })),
      coalesce: pushes(coalescingBuffer(storage)),
    },
    { rounds: isQuick ? 2 : 101, warmUps: isQuick ? 1 : 5, budgetMs: 60_000 },
  )
  for (const [name, us] of Object.entries(times)) {
    const medianUs = median(us)
    report({
      case: `enqueue/${name}`,
      ratio: maxUs / medianUs,
      rounds: us.length,
      spread: spreadOf(us),
      medianUs,
    })
  }
}

/** Pushes on and on into a full queue: the rows that it does not take must leave nothing behind. */
async function measureMemory(
  { report }: SuiteContext,
  storage: Storage<BenchSchema>,
  rowCount: number,
): Promise<void> {
  const growths: number[] = []
  let rssGrowthMb = 0
  const rounds = 5
  for (let round = 0; round < rounds; round++) {
    const queue = await fullQueue(storage)()
    pushMany(queue.take, rowCount / 10)
    collectGarbage()
    const before = process.memoryUsage()
    pushMany(queue.take, rowCount)
    collectGarbage()
    const after = process.memoryUsage()
    growths.push((after.heapUsed - before.heapUsed) / 1e6)
    rssGrowthMb = Math.max(rssGrowthMb, (after.rss - before.rss) / 1e6)
    await queue.end()
  }
  // It may well shrink; what is below a hundredth of a megabyte is none.
  const heapGrowthMb = Math.max(0.01, median(growths))
  const spread = (Math.max(...growths) - Math.min(...growths)) / maxHeapGrowthMb
  const ratio = maxHeapGrowthMb / heapGrowthMb
  report({ case: 'enqueue/memory', ratio, rounds, spread, heapGrowthMb, rssGrowthMb, pushes: rowCount })
}

/** Something that takes rows. */
interface Target {
  take(n: number): unknown
  end(): Promise<unknown>
}

type OpenTarget = () => Promise<Target>

interface QueueOptions {
  readonly overflow?: 'drop-oldest'
  readonly timestamp?: 'created_at'
  readonly idempotencyKey?: 'id'
}

/** Ten thousand pushes into a new target. */
function pushes(open: OpenTarget): Variant {
  let target: Target | undefined
  return {
    async prepare() {
      await target?.end()
      target = await open()
    },
    run() {
      if (target !== undefined) pushMany(target.take, capacity)
    },
    units: capacity,
  }
}

function pushMany(take: (n: number) => unknown, count: number): void {
  for (let n = 0; n < count; n++) take(n)
}

function emptyQueue(storage: Storage<BenchSchema>, options: QueueOptions = {}): OpenTarget {
  return async () => {
    const queue = storage.append({ table: 'event', capacity, ...options })
    return { take: (n) => queue.push({ id: nextId(), text: 'hello', n }), end: () => queue.close() }
  }
}

function fullQueue(storage: Storage<BenchSchema>, options: QueueOptions = {}): OpenTarget {
  return async () => {
    const target = await emptyQueue(storage, options)()
    pushMany(target.take, capacity)
    return target
  }
}

function coalescingBuffer(storage: Storage<BenchSchema>): OpenTarget {
  return async () => {
    const buffer = storage.coalesce({
      key: (seen: { readonly id: number }) => seen.id,
      flush: async () => {},
    })
    return { take: (n) => buffer.set({ id: n }), end: () => buffer.close() }
  }
}

let lastId = 0

function nextId(): number {
  lastId++
  return lastId
}
