/**
 * The smallest program of a user: it is copied into an empty project and run there against the packed package, so it
 * imports nothing but `unbusy`.
 *
 * @module
 */
import { openStorage } from 'unbusy/auto'

interface Database {
  note: { id: number; text: string }
}

await using storage = await openStorage<Database>({ url: 'file:./app.db' })

await storage.db.schema
  .createTable('note')
  .addColumn('id', 'integer', (column) => column.primaryKey())
  .addColumn('text', 'text', (column) => column.notNull())
  .execute()
await storage.db.insertInto('note').values({ id: 1, text: 'kept' }).execute()
const { connector } = storage.stats()
const note = await storage.db.selectFrom('note').selectAll().executeTakeFirstOrThrow()
await storage.close()

console.log(JSON.stringify({ connector, note }))
