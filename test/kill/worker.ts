/**
 * The process that is killed: opens, migrates, tells what it finds, and writes until it is killed or told to close.
 * Arguments: its number, how it lives, which is `load`, `checkpoint` (checkpoints all the time) or `look` (only looks), and
 * the number of a process before it.
 */
import process from 'node:process'
import { sql } from 'kysely'
import { openStorage } from 'unbusy'
import { args, connector, hear, say } from '../processes/worker.ts'
import { startLoad } from './load.ts'
import { find, migrate } from './schema.ts'

const [writer, life, before] = args
say(['opening'])
// biome-ignore lint/suspicious/noExplicitAny: the tables are those of schema.ts
const storage = await openStorage<any>({ connector: await connector(), onWarning: () => {} })
say(['migrating'])
await migrate()
say(['found', await find(storage)])

if (life !== 'look') {
  const load = startLoad(storage, Number(writer), Number(before))
  let isOver = false
  const checkpointing = life === 'checkpoint' ? checkpoint() : undefined
  await hear()
  isOver = true
  say(['closing'])
  await Promise.all([load.stop(), checkpointing])

  async function checkpoint(): Promise<void> {
    for (const mode of cycle(['passive', 'full', 'restart', 'truncate'])) {
      if (isOver) return
      await sql`pragma wal_checkpoint(${sql.raw(mode)})`.execute(storage.db)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }
}
const report = await storage.close()
say(['closed', Object.values(report).reduce((sum, count) => sum + count, 0)])
// A long line may still be on its way.
process.stdout.write('', () => process.exit(0))

function* cycle<T>(items: readonly T[]): Generator<T, void, undefined> {
  while (true) yield* items
}
