/**
 * Which columns the rows of a bulk call give, as sets that are known from call to call: finding the set of a row, and a
 * statement by its set, must not cost more than writing the row.
 *
 * @module
 */
import { InvalidStatementError } from '../errors.ts'

/** Rows that give the same columns; one statement writes many of them. Equal sets are one object. */
export interface ColumnSet {
  readonly columns: readonly string[]
  /** Where the key is in `columns`; absent when a row leaves it to the database. */
  readonly keyIndexes?: readonly number[]
}

/** What is known of the columns before a row is. */
export interface ColumnRules {
  readonly table: string
  readonly key: readonly string[]
  /** Columns that no row may leave out. */
  readonly required: readonly string[]
}

/** The sets of columns that rows came with. */
export class ColumnSets {
  readonly #rules: ColumnRules
  readonly #sets = new Map<string, ColumnSet>()
  /** That of the row before: rows mostly have the same columns in the same order. */
  #last: ColumnSet | undefined

  constructor(rules: ColumnRules) {
    this.#rules = rules
  }

  get size(): number {
    return this.#sets.size
  }

  /**
   * The set of a row. As in Kysely, a column that is `undefined` counts as absent.
   *
   * @throws {InvalidStatementError} If a required column is absent, or all are.
   */
  of(values: Readonly<Record<string, unknown>>, position: number): ColumnSet {
    const names = Object.keys(values)
    if (this.#last === undefined || !areColumnsOf(this.#last, values, names))
      this.#last = this.#find(values, names, position)
    return this.#last
  }

  #find(values: Readonly<Record<string, unknown>>, names: readonly string[], position: number): ColumnSet {
    const columns = names.filter((column) => values[column] !== undefined)
    const name = JSON.stringify([...columns].sort())
    const known = this.#sets.get(name)
    if (known !== undefined) return known
    const { table, key, required } = this.#rules
    const refuse = (why: string): never => {
      throw new InvalidStatementError(`Cannot write row ${position} to ${table} as ${why}`)
    }
    const missing = required.find((column) => !columns.includes(column))
    if (missing !== undefined) refuse(`its column ${missing} is undefined`)
    if (columns.length === 0) refuse('it has no columns')
    const keyIndexes = key.map((column) => columns.indexOf(column))
    const set: ColumnSet = keyIndexes.includes(-1) ? { columns } : { columns, keyIndexes }
    this.#sets.set(name, set)
    return set
  }
}

function areColumnsOf(
  { columns }: ColumnSet,
  values: Readonly<Record<string, unknown>>,
  names: readonly string[],
): boolean {
  if (columns.length !== names.length) return false
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string
    if (name !== columns[index] || values[name] === undefined) return false
  }
  return true
}
