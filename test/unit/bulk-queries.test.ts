/**
 * How rows are put into statements.
 *
 * @module
 */
import { expect, it } from 'vitest'
import { ColumnSets } from '../../src/bulk/columns.ts'
import { queriesOf, type TextOf } from '../../src/bulk/queries.ts'
import { BulkRows } from '../../src/bulk/rows.ts'

function newRows(): BulkRows {
  const rules = { table: 't', key: ['id'], required: ['id'] } as const
  const columns = new ColumnSets(rules)
  return new BulkRows({ ...rules, columns, keyIsEnough: true, duplicates: 'apart', integers: 'integer' })
}

function statementsOf(given: readonly object[]): string[] {
  const rows = newRows()
  for (const row of given) rows.add(row)
  const queries = queriesOf(rows.rows, ({ columns }, rowCount) => ({
    sql: `${columns.join()} ${rowCount}`,
    parameters: [],
  }))
  return queries.map(({ sql }) => sql)
}

it('queriesOf() binds full slices, and puts any other number of rows into one JSON text', () => {
  const rows = Array.from({ length: 2_999 }, (_, id) => ({ id, value: 'x' }))

  expect(statementsOf(rows)).toEqual(['id,value 1000', 'id,value 1000', 'id,value json'])
  expect(statementsOf(rows.slice(0, 1_000))).toEqual(['id,value 1000'])
  expect(statementsOf(rows.slice(0, 999))).toEqual(['id,value json'])
})

it('queriesOf() fills rows up with NULLs where these write nothing, so that there are few texts', () => {
  const rows = newRows()
  for (let id = 0; id < 5; id++) rows.add({ id, value: 'x' })
  const textOf: TextOf = (_, rowCount, integers) => ({ sql: `${rowCount} ${integers}`, parameters: [] })

  const [query] = queriesOf(rows.rows, textOf, true, {}, 'free')
  const values = rows.rows.flatMap(({ cells }) => cells)
  expect(query).toEqual({
    sql: '8 1',
    parameters: [...values, ...new Array(6).fill(null)],
    isEncoded: true,
  })
  expect(queriesOf(rows.rows, textOf, true, { maxParameters: 100 }, 'free')[0]?.sql).toBe('json undefined')
})

it('queriesOf() puts a full slice of many columns into JSON: as parameters it would be a big program', () => {
  const values = Object.fromEntries(Array.from({ length: 8 }, (_, n) => [`c${n}`, n]))
  const rows = Array.from({ length: 1_000 }, (_, id) => ({ id, ...values }))

  expect(statementsOf(rows)).toEqual(['id,c0,c1,c2,c3,c4,c5,c6,c7 json'])
})

it('queriesOf() cuts a JSON text that would become longer than a string can be', () => {
  const rows = Array.from({ length: 600 }, (_, id) => ({ id, value: 'x'.repeat(60_000) }))

  expect(statementsOf(rows)).toEqual(['id,value json', 'id,value json', 'id,value json'])
})

it('queriesOf() keeps a JSON text within what the database takes, whatever is in it', () => {
  for (const text of ['\u0001', '\u20ac', '"']) {
    const rows = newRows()
    for (let id = 0; id < 40; id++) rows.add({ id, value: text.repeat(id % 5 === 4 ? 60_000 : 30_000) })
    const textOf: TextOf = () => ({ sql: '', parameters: [] })

    const queries = queriesOf(rows.rows, textOf, true, { maxValueBytes: 500_000 })

    const texts = queries.map(({ parameters }) => parameters[0] as string)
    expect(texts.flatMap((json) => JSON.parse(json))).toEqual(rows.rows.map(({ cells }) => cells))
    for (const json of texts) expect(Buffer.byteLength(json)).toBeLessThanOrEqual(500_000)
  }
})

it('queriesOf() takes parameters in chunks of 256, 32 and 1 rows where JSON is not exact', () => {
  const rows = Array.from({ length: 323 }, (_, id) => ({ id, value: 0.1 }))

  expect(statementsOf(rows)).toEqual(['256', '32', '32', '1', '1', '1'].map((size) => `id,value ${size}`))
})

it('queriesOf() keeps rows of one key apart and in their order, and puts the others together', () => {
  const rows = [
    { id: 1, a: 1 },
    { id: 1, b: 1 },
    { id: 2, a: 1 },
    { b: 2, id: 3 },
    { id: 1, a: 2 },
  ]

  expect(statementsOf(rows)).toEqual(['id,a json', 'id,b json', 'id,b json', 'id,a json'])
})
