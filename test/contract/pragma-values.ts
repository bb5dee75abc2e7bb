/** The pragmas of a connection, read by a plain SELECT: it runs wherever reads of its kind run. */
import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { AnyDatabase } from './case.ts'

export interface PragmaValues {
  readonly busy_timeout: number
  readonly journal_mode: string
  readonly synchronous: number
  readonly foreign_keys: number
  readonly journal_size_limit: number
  readonly cache_size: number
  readonly temp_store: number
  readonly query_only: number
}

const names = [
  'journal_mode',
  'synchronous',
  'foreign_keys',
  'journal_size_limit',
  'cache_size',
  'temp_store',
  'query_only',
]
const columns = names.map((name) => `(select ${name} from pragma_${name}) as ${name}`).join(', ')

/** Three rows, so that a stream over it stays open behind the first. */
const select: RawBuilder<PragmaValues> = sql.raw(
  `(select (select timeout from pragma_busy_timeout) as busy_timeout, ${columns} from (values (1), (2), (3)))`,
)

/** The pragmas of the connection that this read runs on. */
export async function pragmaValues(db: Kysely<AnyDatabase>): Promise<PragmaValues> {
  const row = await db.selectFrom(select.as('pragmas')).selectAll().executeTakeFirstOrThrow()
  return row as PragmaValues
}

/** Begins a stream, which has a reader of its own until it ends. */
export async function openStream(db: Kysely<AnyDatabase>): Promise<PragmaStream> {
  const rows = db.selectFrom(select.as('pragmas')).selectAll().stream(1)[Symbol.asyncIterator]()
  const { value } = await rows.next()
  return { values: value, end: async () => void (await rows.return?.()) }
}

export interface PragmaStream {
  readonly values: PragmaValues
  end(): Promise<void>
}
