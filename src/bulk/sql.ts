/**
 * The texts of bulk statements. The rows are one JSON parameter, or parameters in chunks of fixed sizes, so a text never
 * varies with the number of rows and stays in the statement cache. Everything is built with Kysely, so plugins that
 * rename tables and columns see it.
 *
 * @module
 */
import { type Expression, type Kysely, type RawBuilder, type SqlBool, sql } from 'kysely'

/** What becomes of a stored value when a given one meets it. */
export type MergeRule = 'replace' | 'max' | 'keep' | 'coalesce'

const mergeRules = 'replace, max, keep, coalesce'

/** What a bulk statement does. `excluded` is the name of the given row in every condition. */
export type BulkVerb =
  | { readonly name: 'insert'; readonly ignoresConflicts: boolean }
  | { readonly name: 'upsert'; readonly merge: Readonly<Record<string, MergeRule>>; readonly only: Condition }
  | { readonly name: 'update'; readonly only: Condition }
  | { readonly name: 'delete' }

/** Which stored rows may be changed. */
export interface Condition {
  /** Where the given value is greater than the stored one, or the first one. */
  readonly onlyIfGreater?: string | undefined
  readonly where?: Expression<SqlBool> | undefined
}

/** The table that is written to, and the Kysely that compiles for it. */
export interface BulkTable {
  // biome-ignore lint/suspicious/noExplicitAny: the schema is checked at the repository's methods
  readonly db: Kysely<any>
  readonly name: string
  readonly key: readonly string[]
}

/** A compiled bulk statement: the values of its rows come first, then these. */
export interface BulkText {
  readonly sql: string
  readonly parameters: readonly unknown[]
}

/**
 * The columns that each row must have. An insert may leave its key to the database, unless it has to find out whether that
 * key is stored.
 */
export function requiredBy(verb: BulkVerb, key: readonly string[]): readonly string[] {
  if (verb.name === 'insert' && !verb.ignoresConflicts) return []
  const compared = 'only' in verb ? verb.only.onlyIfGreater : undefined
  return compared === undefined || key.includes(compared) ? key : [...key, compared]
}

/**
 * Compiles the statement that writes rows of these columns: `rowCount` of them, or any number as JSON.
 *
 * @param integerColumns Bit n is set where column n is bound as a number although it is an integer.
 */
export function bulkText(
  table: BulkTable,
  verb: BulkVerb,
  columns: readonly string[],
  rowCount: number | 'json',
  integerColumns = 0,
): BulkText {
  const rows = rowsOf(columns, rowCount, integerColumns)
  const { sql: text, parameters } = statementOf(table, verb, columns, rows).compile(table.db)
  return { sql: text, parameters }
}

function statementOf(
  table: BulkTable,
  verb: BulkVerb,
  columns: readonly string[],
  rows: RawBuilder<unknown>,
): RawBuilder<unknown> {
  const target = sql.table(table.name)
  const key = list(table.key.map((column) => sql.id(column)))
  const others = columns.filter((column) => !table.key.includes(column))
  const assign = (column: string): RawBuilder<unknown> => sql`${sql.id(column)} = ${given(column)}`
  switch (verb.name) {
    case 'delete':
      return sql`delete from ${target} where (${key}) in (${rows})`
    case 'update': {
      const matches = table.key.map((column) => sql`${stored(table, column)} = ${given(column)}`)
      const where = join([...matches, ...conditions(table, verb.only)], ' and ')
      return sql`update ${target} set ${list(others.map(assign))} from (${rows}) as excluded where ${where}`
    }
    case 'insert': {
      const conflict = verb.ignoresConflicts ? sql` on conflict (${key}) do nothing` : sql``
      return sql`${insert(target, columns, rows)}${conflict}`
    }
    case 'upsert': {
      const merges = others.flatMap((column) => mergeOf(table, column, ruleOf(verb.merge, column)) ?? [])
      const only = conditions(table, verb.only)
      const where = only.length === 0 ? sql`` : sql` where ${join(only, ' and ')}`
      const action = merges.length === 0 ? sql`nothing` : sql`update set ${list(merges)}${where}`
      return sql`${insert(target, columns, rows)} on conflict (${key}) do ${action}`
    }
  }
}

function insert(
  target: RawBuilder<unknown>,
  columns: readonly string[],
  rows: RawBuilder<unknown>,
): RawBuilder<unknown> {
  const names = list(columns.map((column) => sql.id(column)))
  // Without WHERE the parser takes ON CONFLICT for a join (https://www.sqlite.org/lang_upsert.html, 2.2).
  return sql`insert into ${target} (${names}) select * from (${rows}) where true`
}

/** The given rows as a SELECT; its parameters are the first of the statement. */
function rowsOf(
  columns: readonly string[],
  rowCount: number | 'json',
  integerColumns: number,
): RawBuilder<unknown> {
  if (rowCount === 'json') {
    const cells = columns.map(
      (column, index) => sql`value ->> ${sql.raw(String(index))} as ${sql.id(column)}`,
    )
    return sql`select ${list(cells)} from json_each(?)`
  }
  const cells = columns.map((column, index) => {
    // The plus takes the affinity of the cast away: a key that is TEXT would not be found by its index.
    const isInteger = (integerColumns & (1 << index)) !== 0
    const cell = isInteger ? `+cast(column${index + 1} as integer)` : `column${index + 1}`
    return sql`${sql.raw(cell)} as ${sql.id(column)}`
  })
  const row = `(${columns.map(() => '?').join(', ')})`
  return sql`select ${list(cells)} from (values ${sql.raw(new Array(rowCount).fill(row).join(', '))})`
}

/** A column may be called `constructor`, which every object has. */
function ruleOf(merge: Readonly<Record<string, MergeRule>>, column: string): MergeRule {
  return (Object.hasOwn(merge, column) ? merge[column] : undefined) ?? 'replace'
}

function mergeOf(table: BulkTable, column: string, rule: MergeRule): RawBuilder<unknown> | undefined {
  const assign = (value: RawBuilder<unknown>): RawBuilder<unknown> => sql`${sql.id(column)} = ${value}`
  switch (rule) {
    case 'keep':
      return undefined
    case 'replace':
      return assign(given(column))
    case 'coalesce':
      return assign(sql`coalesce(${given(column)}, ${stored(table, column)})`)
    case 'max':
      // Not max(): it is NULL if either is, and knows nothing of the column's collation once there is a coalesce in it.
      return assign(
        sql`case when ${isGreater(table, column)} then ${given(column)} else ${stored(table, column)} end`,
      )
    default:
      throw new TypeError(
        `Cannot merge column ${column} as its rule must be one of ${mergeRules}: it is ${rule}`,
      )
  }
}

function conditions(table: BulkTable, { onlyIfGreater, where }: Condition): RawBuilder<unknown>[] {
  return [
    ...(onlyIfGreater === undefined ? [] : [isGreater(table, onlyIfGreater)]),
    ...(where === undefined ? [] : [sql`(${where})`]),
  ]
}

/** Any value is greater than NULL, and NULL is greater than none. */
function isGreater(table: BulkTable, column: string): RawBuilder<unknown> {
  const [old, now] = [stored(table, column), given(column)]
  return sql`(${old} < ${now} or (${old} is null and ${now} is not null))`
}

function stored({ name }: BulkTable, column: string): RawBuilder<unknown> {
  return sql`${sql.table(name)}.${sql.id(column)}`
}

function given(column: string): RawBuilder<unknown> {
  // Not a reference, which a dot in the name of a column would cut.
  return sql.id('excluded', column)
}

function list(parts: readonly RawBuilder<unknown>[]): RawBuilder<unknown> {
  return sql.join(parts, sql.raw(', '))
}

function join(parts: readonly RawBuilder<unknown>[], separator: string): RawBuilder<unknown> {
  return sql.join(parts, sql.raw(separator))
}
