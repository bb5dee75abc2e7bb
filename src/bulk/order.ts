/**
 * In which order the rows of a bulk call are written, and which of the caller's rows a slice stands for.
 *
 * @module
 */
import type { BulkRow } from './cells.ts'
import type { ColumnSet } from './columns.ts'

/**
 * `given`: as they came, where the database makes their keys: these tell the order. `grouped`: those of the same columns
 * together, and those of a key one after the other. `free`: no row is created, so it shows nowhere in which order they
 * were written, and a key that is NULL writes nothing. `kept`: as they came, whatever that costs.
 */
export type BulkOrder = 'given' | 'grouped' | 'free' | 'kept'

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
    const given = rows.slice(start, start + windowRows)
    const window = isOrderFree ? byKey(given) : given
    for (let at = 0; at < window.length; at += sliceRows) yield window.slice(at, at + sliceRows)
  }
}

/**
 * By the first column of the key, about: what counts is that neighbours share pages. Sorting the texts themselves would
 * cost a third as much as the writing; numbers are sorted by native code.
 */
function byKey(rows: readonly BulkRow[]): readonly BulkRow[] {
  const index = rows[0]?.set.keyIndexes?.[0] as number
  const places = placesOf(rows.map(({ cells }) => cells[index] as string | number))
  let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const place of places) {
    if (place < least) least = place
    if (place > greatest) greatest = place
  }
  const scale = maxPlace / (greatest - least || 1)
  // Loops, as `from()` with a function goes through an iterator, which takes longer than the sorting.
  const { length } = rows
  const codes = new Float64Array(length)
  for (let position = 0; position < length; position++)
    codes[position] = Math.floor(((places[position] as number) - least) * scale) * length + position
  // What is not negative has the order of its bits, which are sorted in half the time.
  new BigUint64Array(codes.buffer).sort()
  const ordered = new Array<BulkRow>(length)
  for (let index = 0; index < length; index++) {
    const code = codes[index] as number
    // Not by %, which is slow for doubles of this size.
    ordered[index] = rows[code - Math.floor(code / length) * length] as BulkRow
  }
  return ordered
}

/** With the position of a row, of a window, it is an integer that a double holds. */
const maxPlace = 2 ** 36

/** A few texts that begin otherwise are out of place, and no more. */
const sampleSize = 100

function placesOf(keys: readonly (string | number)[]): readonly number[] {
  if (keys.every((key) => typeof key === 'number')) return keys
  const texts = keys.map(String)
  let prefix = texts[0] ?? ''
  const step = Math.ceil(texts.length / sampleSize)
  for (let at = 0; at < texts.length; at += step)
    while (!texts[at]?.startsWith(prefix)) prefix = prefix.slice(0, -1)
  return texts.map((text) => placeOf(text, prefix.length))
}

/** By the four characters that follow what all of a sample have in common. */
function placeOf(text: string, start: number): number {
  let place = 0
  for (let index = start; index < start + 4; index++)
    place = place * 256 + (index < text.length ? Math.min(text.charCodeAt(index), 255) : 0)
  return place
}

/** Rows of the same columns, and none of a key twice where that matters, in an order that keeps what follows behind. */
export function groupsOf(slice: readonly BulkRow[], order: BulkOrder): (readonly BulkRow[])[] {
  const [first] = slice
  if (slice.every(({ set, follows }) => set === first?.set && follows === undefined)) return [slice]
  const makesKeys = order === 'given' && slice.some(({ set }) => set.keyIndexes === undefined)
  if (makesKeys || order === 'kept') return runsOf(slice)
  const waves: Map<ColumnSet, BulkRow[]>[] = []
  const waveOf = new Map<BulkRow, number>()
  for (const row of slice) {
    // What it follows may be in an earlier slice.
    const before = row.follows === undefined ? undefined : waveOf.get(row.follows)
    const number = before === undefined ? 0 : before + (row.isApart === true ? 1 : 0)
    waveOf.set(row, number)
    const wave = waves[number] ?? new Map<ColumnSet, BulkRow[]>()
    waves[number] = wave
    const group = wave.get(row.set)
    if (group === undefined) wave.set(row.set, [row])
    else group.push(row)
  }
  return waves.flatMap((wave) => [...wave.values()])
}

/** Rows that stand together, have the same columns and may go into one statement. */
function runsOf(slice: readonly BulkRow[]): BulkRow[][] {
  const runs: BulkRow[][] = []
  for (const row of slice) {
    const run = runs.at(-1)
    if (run?.[0]?.set === row.set && row.isApart !== true) run.push(row)
    else runs.push([row])
  }
  return runs
}

/** The caller's rows, ascending; with those that a later row of the same key replaced. */
export function positionsOf(rows: readonly BulkRow[]): number[] {
  return rows.flatMap(({ position, replaced = [] }) => [position, ...replaced]).sort((a, b) => a - b)
}
