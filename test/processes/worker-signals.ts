/** A program as the README has it: the library listens for no signals, so it closes the storage when one comes. */
import process from 'node:process'
import { openStorage } from 'unbusy'
import { connector, say } from './worker.ts'

// biome-ignore lint/suspicious/noExplicitAny: one table, made by the test
const storage = await openStorage<any>({ connector: await connector(), onWarning: () => {} })

async function stop(): Promise<void> {
  // Called again it answers the same, so a second signal changes nothing.
  const report = await storage.close()
  say(['closed', report])
  // What was said last may still be on its way.
  process.stdout.write('', () => process.exit(0))
}
process.on('SIGTERM', () => void stop()).on('SIGINT', () => void stop())

const usage = storage.append({ table: 'log', intervalMs: 200 })
const presence = storage.coalesce({
  key: ({ n }: { kind: string; n: number }) => n,
  flush: (rows, context) => storage.with(context).insertInto('log').values(rows).execute(),
  intervalMs: 200,
})
let count = 0

async function repeat(kind: string, deed: (row: { kind: string; n: number }) => unknown): Promise<void> {
  try {
    while (true) {
      const row = { kind, n: ++count }
      const result = await deed(row)
      if ((result as { accepted?: boolean } | undefined)?.accepted === false) return
      say(['done', kind, row.n])
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  } catch (error) {
    // The storage is closing.
    say(['ended', kind, (error as Error).name])
  }
}

for (let caller = 0; caller < 4; caller++)
  void repeat('write', (row) => storage.db.insertInto('log').values(row).execute())
void repeat('batch', (row) => storage.batch([storage.db.insertInto('log').values(row)]))
void repeat('transaction', (row) =>
  storage.write(async (trx) => {
    await new Promise((resolve) => setTimeout(resolve, 3))
    await trx.insertInto('log').values(row).execute()
  }),
)
void repeat('append', (row) => usage.push(row))
void repeat('coalesce', (row) => presence.set(row))
