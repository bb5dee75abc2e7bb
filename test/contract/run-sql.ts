/** SQL texts as a user of raw SQL writes them. */
import { type Kysely, sql } from 'kysely'
import type { AnyDatabase } from './case.ts'

/** Runs texts one after the other on the same handle. */
export async function run(db: Kysely<AnyDatabase>, ...texts: readonly string[]): Promise<void> {
  for (const text of texts) await sql.raw(text).execute(db)
}

/** Whether a read through this handle runs on a reader: on a connection that is `query_only`. */
export async function runsOnReader(db: Kysely<AnyDatabase>): Promise<boolean> {
  const { rows } = await sql<{ query_only: number }>`select query_only from pragma_query_only`.execute(db)
  return rows[0]?.query_only === 1
}
