/**
 * In which order the rows of a bulk call are written, and which of the caller's rows a slice stands for.
 *
 * @module
 */
import type { BulkRow } from './bulk-cells.ts'

/** Rows that are put in order together: a few milliseconds of work, between two slices. */
const windowSlices = 10

/**
 * Cuts rows into slices.
 *
 * @param isOrderFree Whether neighbours by key may go into one slice. A slice of random rows changes nearly every page of
 *   the table, so ten of them write it ten times.
 */
export function* slicesOf(
  rows: readonly BulkRow[],
  sliceRows: number,
  isOrderFree: boolean,
): Generator<readonly BulkRow[], void> {
  const windowRows = windowSlices * sliceRows
  for (let start = 0; start < rows.length; start += windowRows) {
    const window = rows.slice(start, start + windowRows)
    if (isOrderFree) window.sort(byKey)
    for (let at = 0; at < window.length; at += sliceRows) yield window.slice(at, at + sliceRows)
  }
}

/** By the first column of the key; SQLite may order texts otherwise, but not far from it. */
function byKey(one: BulkRow, other: BulkRow): number {
  const index = one.set.keyIndexes?.[0] as number
  // Of one call no two rows have the same key.
  return (one.cells[index] as string) < (other.cells[index] as string) ? -1 : 1
}

/** The caller's rows, ascending; with those that a later row of the same key replaced. */
export function positionsOf(rows: readonly BulkRow[]): number[] {
  return rows.flatMap(({ position, replaced = [] }) => [position, ...replaced]).sort((a, b) => a - b)
}
