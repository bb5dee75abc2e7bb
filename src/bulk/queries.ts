/**
 * From rows to as few statements as write them exactly: any number of them as JSON where it carries every value, and as
 * parameters where it does not, or where there is a text for just so many.
 *
 * @module
 */
import type { QueryText } from '../connection/statement.ts'
import type { Capabilities } from '../connector.ts'
import type { BulkRow } from './cells.ts'
import type { ColumnSet } from './columns.ts'
import { type BulkOrder, groupsOf } from './order.ts'
import type { BulkText } from './sql.ts'

/**
 * A full slice has a text of its own, as SQLite reads parameters a sixth to a quarter faster than JSON (`npm run bench --
 * flush`). Not where it would be a megabyte of program.
 */
const fullSliceRows = 1_000
const maxFullSliceColumns = 8

/** Where a row whose key is NULL writes nothing, fewer rows are filled up with such to one of these numbers. */
const paddedSizes: readonly number[] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, fullSliceRows]

/** Rows a statement when their values are parameters: few texts, whatever the number of rows. */
const chunkSizes: readonly number[] = [256, 32, 1]
/** SQLITE_MAX_VARIABLE_NUMBER is 32,766 unless compiled otherwise (https://www.sqlite.org/limits.html). */
const sqliteMaxParameters = 32_766

/** A JSON text is cut at about so many characters; where values must be smaller, before it could be larger than these. */
const maxJsonWeight = 16 * 1024 * 1024
const weightOfCell = 8
/** Bytes of a character, at the most: a control character is `\u0001`. */
const bytesOfWeight = 6

/** What a database takes; its connector's {@linkcode Capabilities}. */
export type BulkLimits = Pick<Capabilities, 'maxParameters' | 'maxValueBytes'>

/** The text that writes so many rows of these columns; bit n is set where column n holds integers, or NULL, and nothing else. */
export type TextOf = (set: ColumnSet, rowCount: number | 'json', integerColumns?: number) => BulkText

/**
 * One statement for the rows of the same columns, mostly; several when rows of one key must not meet in one.
 *
 * @param areAlike Whether it is known of the rows that they need no second look.
 */
export function queriesOf(
  slice: readonly BulkRow[],
  textOf: TextOf,
  areAlike = false,
  { maxParameters, maxValueBytes }: BulkLimits = {},
  order: BulkOrder = 'grouped',
): QueryText[] {
  const maxWeight = maxValueBytes === undefined ? maxJsonWeight : maxValueBytes / bytesOfWeight
  const groups = areAlike ? [slice] : groupsOf(slice, order)
  return groups.flatMap((group) => {
    const { set } = group[0] as BulkRow
    const { length: columnCount } = set.columns
    // Those of a condition come on top; where parameters are plenty, the text is not looked up for their number.
    const free =
      maxParameters === undefined
        ? sqliteMaxParameters
        : maxParameters - textOf(set, 'json').parameters.length
    const bound = (chunk: readonly BulkRow[]): QueryText => {
      const { sql, parameters } = textOf(set, chunk.length)
      return { sql, parameters: [...chunk.flatMap(({ cells }) => cells), ...parameters] }
    }
    if (!areAlike && !group.every(({ fitsJson }) => fitsJson)) {
      return chunksOf(group, chunkSizes, columnCount, free).map(bound)
    }
    const full = columnCount > maxFullSliceColumns ? [] : chunksOf(group, [fullSliceRows], columnCount, free)
    const rest = group.slice(full.length * fullSliceRows)
    const queries = full.map((chunk) => asNumbers(chunk, set, textOf))
    if (rest.length === 0) return queries
    // Where values are limited they travel, and a text of JSON is the smaller one.
    const isLocal = maxParameters === undefined && maxValueBytes === undefined
    const pads = order === 'free' && isLocal && columnCount <= maxFullSliceColumns
    const size = pads ? paddedSizes.find((it) => it >= rest.length) : undefined
    if (size !== undefined) return [...queries, asNumbers(rest, set, textOf, size)]
    return [...queries, ...asJson(rest, set, textOf, maxWeight)]
  })
}

/**
 * Integers as numbers, which SQL turns into integers again: a bigint for each would cost more than all else that is done
 * for it. For rows that fit JSON.
 *
 * @param rowCount For so many rows the text is; those that are missing are NULL.
 */
function asNumbers(
  chunk: readonly BulkRow[],
  set: ColumnSet,
  textOf: TextOf,
  rowCount: number = chunk.length,
): QueryText {
  const { length: columnCount } = set.columns
  const values = new Array<unknown>(rowCount * columnCount).fill(null)
  let index = 0
  let withIntegers = 0
  let withOthers = 0
  for (const { cells } of chunk) {
    for (let column = 0; column < columnCount; column++) {
      const cell = cells[column]
      if (typeof cell === 'number') withIntegers |= 1 << column
      else if (cell !== null) withOthers |= 1 << column
      values[index++] = cell
    }
  }
  const { sql, parameters } = textOf(set, rowCount, ~withOthers & ((1 << columnCount) - 1))
  const isEncoded = parameters.length === 0 && (withIntegers & withOthers) === 0
  return { sql, parameters: isEncoded ? values : [...values, ...parameters], isEncoded }
}

function asJson(group: readonly BulkRow[], set: ColumnSet, textOf: TextOf, maxWeight: number): QueryText[] {
  const { sql, parameters } = textOf(set, 'json')
  return jsonChunksOf(group, maxWeight).map((json) => ({ sql, parameters: [json, ...parameters] }))
}

/** One text, mostly: strings have a greatest length, in JavaScript and in SQLite. */
function jsonChunksOf(group: readonly BulkRow[], maxWeight: number): string[] {
  const chunks: string[] = []
  let cells: unknown[][] = []
  let weight = 0
  for (const row of group) {
    const rowWeight = row.weight + row.cells.length * weightOfCell
    // One that is too much for the database by itself fails by itself.
    if (cells.length > 0 && weight + rowWeight > maxWeight) {
      chunks.push(JSON.stringify(cells))
      cells = []
      weight = 0
    }
    cells.push(row.cells)
    weight += rowWeight
  }
  if (cells.length > 0) chunks.push(JSON.stringify(cells))
  return chunks
}

/** As few chunks as the sizes allow, the greatest first. */
function chunksOf(
  group: readonly BulkRow[],
  sizes: readonly number[],
  columnCount: number,
  maxParameters: number,
): (readonly BulkRow[])[] {
  const chunks: (readonly BulkRow[])[] = []
  let start = 0
  for (const size of sizes) {
    if (size > 1 && size * columnCount > maxParameters) continue
    for (; group.length - start >= size; start += size) chunks.push(group.slice(start, start + size))
  }
  return chunks
}
