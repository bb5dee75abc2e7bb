/**
 * The cells of a row of a bulk call: what JSON carries exactly, and what has to be bound as it is.
 *
 * @module
 */
import { encodeValue, type IntegerBinding } from '../values.ts'
import type { ColumnSet } from './columns.ts'

/** One row that will be written. */
export interface BulkRow {
  /** Which of the caller's rows it is. */
  readonly position: number
  /** Later rows whose values it has now. */
  replaced?: number[]
  set: ColumnSet
  cells: unknown[]
  /** Whether JSON, read by SQLite, gives exactly these cells. */
  fitsJson: boolean
  /** How much text is in it, about. */
  weight: number
  /** The row of the same key before it, which has to be written first. */
  follows?: BulkRow
  /** Whether one statement must not have both. */
  isApart?: boolean
}

/** Longer text is bound as it is: as JSON it would be escaped and parsed, and a thousand of them would be no string. */
const longestJsonText = 64 * 1024

/** Encodes a value into its cell; the row knows from then on whether JSON carries it. */
export function setCell(row: BulkRow, cell: number, value: unknown, integers: IntegerBinding): void {
  const fitsAsText = isText(value)
  if (fitsAsText || value === null || (integers === 'integer' && Number.isSafeInteger(value))) {
    if (fitsAsText) row.weight += value.length
    row.cells[cell] = value
    return
  }
  const encoded = encodeValue(value, `column ${row.set.columns[cell]} of row ${row.position}`, integers)
  // Its text in JSON would be read as the same INTEGER.
  const integer = integers === 'integer' && typeof encoded === 'bigint' ? Number(encoded) : undefined
  const isExact = integer !== undefined && Number.isSafeInteger(integer)
  row.cells[cell] = isExact ? integer : encoded
  if (!isExact) row.fitsJson = false
}

/** Text that JSON carries: a lone surrogate is escaped there, and stored as other bytes than a bound one. */
function isText(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value.length <= longestJsonText &&
    !value.includes('\0') &&
    value.isWellFormed()
  )
}

/** Whether the keys are equal, not only alike but for the case of their letters. */
export function haveSameKey(one: BulkRow, other: BulkRow): boolean {
  const otherIndexes = other.set.keyIndexes ?? []
  return (one.set.keyIndexes ?? []).every((index, part) => {
    const cell = one.cells[index]
    const otherCell = other.cells[otherIndexes[part] as number]
    // A blob of one byte is no number, although it reads like one.
    if (cell instanceof Uint8Array && otherCell instanceof Uint8Array)
      return String(cell) === String(otherCell)
    return cell === otherCell
  })
}
