/**
 * What a repository takes, typed by the Kysely schema: rows, keys and options.
 *
 * @module
 */
import type { Expression, ExpressionBuilder, Insertable, Selectable, SqlBool, Updateable } from 'kysely'
import type { BulkOptions } from '../bulk.ts'
import type { MergeRule } from './sql.ts'

/** The name of a table. */
export type TableName<DB> = keyof DB & string

/** The name of a column of a table. */
export type ColumnName<DB, Table extends keyof DB> = keyof Selectable<DB[Table]> & string

/** Columns that are never NULL: to UNIQUE no NULL equals another, so a nullable column identifies no row. */
export type KeyColumn<DB, Table extends keyof DB> = {
  [Column in ColumnName<DB, Table>]: null extends Selectable<DB[Table]>[Column]
    ? IfAny<Selectable<DB[Table]>[Column], Column>
    : Column
}[ColumnName<DB, Table>]

type IfAny<Type, Then> = 0 extends 1 & Type ? Then : never

/** One column, or several that identify a row together. */
export type RepositoryKey<DB, Table extends keyof DB> = KeyColumn<DB, Table> | readonly KeyColumn<DB, Table>[]

type KeyColumns<Key> = Key extends readonly (infer Column)[] ? Column : Key

/** What identifies one row: the value of its key column, or an object with those of all of them. */
export type KeyValue<DB, Table extends keyof DB, Key> = Key extends readonly unknown[]
  ? KeyFields<DB, Table, Key>
  : Selectable<DB[Table]>[Key & keyof Selectable<DB[Table]>]

type KeyFields<DB, Table extends keyof DB, Key> = {
  readonly [Column in KeyColumns<Key> & ColumnName<DB, Table>]: Selectable<DB[Table]>[Column]
}

/** The columns that change, with the key of the row. */
export type UpdateRow<DB, Table extends keyof DB, Key> = Updateable<DB[Table]> & KeyFields<DB, Table, Key>

/** A row to insert whose key is known. */
export type UpsertRow<DB, Table extends keyof DB, Key> = Insertable<DB[Table]> & KeyFields<DB, Table, Key>

/** Which stored rows a bulk call may change. */
export interface ConditionOptions<DB, Table extends keyof DB> {
  /**
   * Freshest wins: only rows whose stored value of this column is smaller than the given one, or NULL, are changed, so
   * an older row that comes late changes nothing.
   */
  readonly onlyIfGreater?: ColumnName<DB, Table>
  /** Only rows that fulfil this, such as `(eb) => eb('session.ended_at', 'is', null)`; the given row is `excluded`. */
  readonly where?: (
    eb: ExpressionBuilder<DB & { readonly excluded: DB[Table] }, Table | 'excluded'>,
  ) => Expression<SqlBool>
}

/** Options of {@linkcode Repository.insertMany}. */
export interface InsertManyOptions extends BulkOptions {
  /** What happens with a row whose key is stored already: an error, or nothing. @default {'fail'} */
  readonly onConflict?: 'fail' | 'nothing'
}

/** Options of {@linkcode Repository.upsertMany}. */
export interface UpsertManyOptions<DB, Table extends keyof DB>
  extends BulkOptions,
    ConditionOptions<DB, Table> {
  /**
   * What becomes of the stored value of a column: the given one replaces it (`replace`); the greater of the two, NULL
   * being the smallest (`max`); the stored one (`keep`); the given one unless it is NULL (`coalesce`).
   * @default {'replace' for every column that is given}
   */
  readonly merge?: Readonly<Partial<Record<ColumnName<DB, Table>, MergeRule>>>
}

/** Options of {@linkcode Repository.updateMany}. */
export interface UpdateManyOptions<DB, Table extends keyof DB>
  extends BulkOptions,
    ConditionOptions<DB, Table> {}
