/** A program whose wall clock jumps by hours at each look, from before the library is loaded. */
const realNow = Date.now
let looks = 0
Date.now = () => realNow() + ((looks++ % 3) - 1) * 3 * 3_600_000

const { connector, hear, say } = await import('./worker.ts')
const { openStorage } = await import('unbusy')

const warnings: string[] = []
// biome-ignore lint/suspicious/noExplicitAny: one table, made by the test
const storage = await openStorage<any>({
  connector: await connector(),
  transactionWarnMs: 50,
  maxTransactionMs: 200,
  onWarning: (_, transaction) => {
    if (transaction !== undefined)
      warnings.push((transaction as { isEnded?: boolean } | undefined)?.isEnded ? 'ended' : 'warned')
  },
})
const table = storage.repository('note', { key: 'text' })
const values = storage.coalesce<string, { text: string }>({
  key: ({ text }) => text,
  merge: (_, newer) => newer,
  flush: (notes, context) => table.insertMany(notes, context),
  intervalMs: 10,
})
const rows = storage.append({ table: 'note', intervalMs: 10 })
const add = (text: string, options: object): Promise<string> =>
  storage
    .with(options)
    .insertInto('note')
    .values({ text })
    .execute()
    .then(
      () => 'written',
      (error: Error) => error.name,
    )

/** What came out, and how long it took in milliseconds. */
async function timed(deed: () => Promise<unknown>): Promise<readonly [outcome: unknown, ms: number]> {
  const startedAt = performance.now()
  const outcome = await deed().catch((error: Error) => error.name)
  return [outcome, performance.now() - startedAt]
}

say('opened')
// The test has taken the lock.
await hear()
const lanes = ['background', 'normal', 'control']
const given = await timed(() => Promise.all(lanes.map((lane) => add(lane, { lane, lockTimeoutMs: 300 }))))
say('given up')
// It has let go of it.
await hear()
const stuck = await timed(() => storage.write(() => new Promise(() => {})))
values.set({ text: 'coalesced' })
rows.push({ text: 'appended' })
const stored = await timed(async () => {
  while (values.size + rows.size > 0) await new Promise((resolve) => setTimeout(resolve, 5))
})
const ordered = await Promise.all(lanes.map((lane) => add(lane, { lane })))
const closed = await timed(() => storage.close().then(({ rejectedWrites }) => rejectedWrites))
say({ given, stuck, stored, ordered, closed, warnings })
process.exit()
