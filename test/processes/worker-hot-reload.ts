/** What a development server does each time that it is loaded: it shares a storage, and handles an error of it. */
import process from 'node:process'
import { sql } from 'kysely'
import { ConstraintError, LockTimeoutError, openStorage, SqliteError, shareStorage } from 'unbusy'
import { bunSqlite } from 'unbusy/bun-sqlite'

const url = process.env.HOT_DATABASE as string
const scope = globalThis as { firstClass?: unknown }
scope.firstClass ??= ConstraintError

// biome-ignore lint/suspicious/noExplicitAny: one table, made here
const storage = await shareStorage<any>('hot', async () => {
  const opened = await openStorage({ connector: bunSqlite({ url }) })
  await sql`create table if not exists note (text text unique)`.execute(opened.db)
  return opened
})
const add = (): Promise<unknown> => storage.db.insertInto('note').values({ text: 'once' }).execute()
const error = await add()
  .then(add, (reason) => reason)
  .catch((reason) => reason)
console.log(
  JSON.stringify({
    isLoadedAnew: scope.firstClass !== ConstraintError,
    knows: [Error, SqliteError, ConstraintError, LockTimeoutError].map((it) => error instanceof it),
  }),
)
