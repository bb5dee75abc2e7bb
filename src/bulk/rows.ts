/**
 * The rows of one bulk call, as cells in columns, and what becomes of rows that have the same key. The result is what
 * writing the rows one after the other would store.
 *
 * @module
 */
import { InvalidStatementError } from '../errors.ts'
import type { IntegerBinding } from '../values.ts'
import { type BulkRow, haveSameKey, setCell } from './cells.ts'
import type { ColumnSets } from './columns.ts'

/**
 * What the second row of a key means: it takes the place of the first (`replace`), or does so when it has the same
 * columns (`overwrite`); one statement takes them in their order (`in-order`); or it has to come in a later statement
 * (`apart`), as UPDATE FROM picks any of them.
 */
export type Duplicates = 'replace' | 'overwrite' | 'in-order' | 'apart'

/** How the rows of a call are read. */
export interface RowRules {
  readonly table: string
  readonly key: readonly string[]
  readonly columns: ColumnSets
  /** Whether a row that has nothing but its key says anything. */
  readonly keyIsEnough: boolean
  readonly duplicates: Duplicates
  readonly integers: IntegerBinding
}

/** Collects the rows of one call. */
export class BulkRows {
  readonly rows: BulkRow[] = []
  readonly #rules: RowRules
  readonly #keys = new Set<string>()
  /** The last row of each key, once two had the same: until then a set is enough, at half the cost. */
  #lastOfKey: Map<string, BulkRow> | undefined
  #count = 0
  #areAlike = true

  constructor(rules: RowRules) {
    this.#rules = rules
  }

  /** Whether all rows have the same columns, fit JSON, and none follows another: there is nothing to sort out. */
  get areAlike(): boolean {
    return this.#areAlike
  }

  /**
   * Adds the caller's next row.
   *
   * @throws {InvalidStatementError} If the row has no key, or a value that SQLite cannot hold.
   */
  add(given: object): void {
    const index = this.#count++
    const row = this.#read(given, index)
    const { set, cells } = row
    if (!row.fitsJson || set !== (this.rows[0]?.set ?? set)) this.#areAlike = false
    if (set.keyIndexes === undefined) {
      this.rows.push(row)
      return
    }
    const identity = this.#identityOf(set.keyIndexes, cells, index)
    if (set.columns.length === set.keyIndexes.length && !this.#rules.keyIsEnough) return
    const { size } = this.#keys
    if (this.#keys.add(identity).size === size && this.#absorbs(this.#lastOf(identity), row)) return
    this.#lastOfKey?.set(identity, row)
    this.rows.push(row)
  }

  #lastOf(identity: string): BulkRow {
    if (this.#lastOfKey === undefined) {
      this.#lastOfKey = new Map()
      for (const row of this.rows) {
        const { keyIndexes } = row.set
        if (keyIndexes !== undefined)
          this.#lastOfKey.set(this.#identityOf(keyIndexes, row.cells, row.position), row)
      }
    }
    return this.#lastOfKey.get(identity) as BulkRow
  }

  #read(given: object, index: number): BulkRow {
    const values = given as Readonly<Record<string, unknown>>
    const set = this.#rules.columns.of(values, index)
    const { columns } = set
    const { integers } = this.#rules
    // Of the right length from the start: an array that grows takes space for 17.
    const cells = new Array<unknown>(columns.length)
    const row: BulkRow = { position: index, set, cells, fitsJson: true, weight: 0 }
    for (let cell = 0; cell < columns.length; cell++)
      setCell(row, cell, values[columns[cell] as string], integers)
    return row
  }

  /**
   * The key as text. Texts that differ in case alone share it, as the column may be NOCASE; not where the last one of a
   * key is all that is written: one of another case must not come between two that are equal.
   */
  #identityOf(keyIndexes: readonly number[], cells: readonly unknown[], index: number): string {
    let identity = ''
    for (let part = 0; part < keyIndexes.length; part++) {
      const cell = cells[keyIndexes[part] as number]
      if (cell === null) {
        const column = this.#rules.key[part]
        throw this.#refused(index, `its key column ${column} is null: to UNIQUE, no NULL equals another`)
      }
      // No text has U+0000 in it.
      identity += part === 0 ? String(cell) : `\0${cell}`
    }
    return this.#rules.duplicates === 'replace' ? identity : identity.toLowerCase()
  }

  /** Whether the later row took the place of the earlier one; if not, it knows now what it follows. */
  #absorbs(earlier: BulkRow, later: BulkRow): boolean {
    const { duplicates } = this.#rules
    const hasSameColumns = earlier.set === later.set
    if (
      (duplicates === 'replace' || (duplicates === 'overwrite' && hasSameColumns)) &&
      haveSameKey(earlier, later)
    ) {
      earlier.set = later.set
      earlier.cells = later.cells
      earlier.fitsJson = later.fitsJson
      earlier.weight = later.weight
      earlier.replaced ??= []
      earlier.replaced.push(later.position)
      return true
    }
    this.#areAlike = false
    later.follows = earlier
    later.isApart = duplicates !== 'in-order' || !hasSameColumns
    return false
  }

  #refused(index: number, why: string): InvalidStatementError {
    return new InvalidStatementError(`Cannot write row ${index} to ${this.#rules.table} as ${why}`)
  }
}
