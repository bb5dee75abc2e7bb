import { DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler, sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import type { BulkText, BulkVerb } from '../../src/bulk/sql.ts'
import { BulkTexts } from '../../src/bulk/texts.ts'

const db = new Kysely<Record<string, unknown>>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
})
const newTexts = (): BulkTexts => new BulkTexts({ db, name: 't', key: ['id'] })
const insert: BulkVerb = { name: 'insert', ignoresConflicts: false }

/** The text for rows of these columns. */
function textFor(
  texts: BulkTexts,
  verb: BulkVerb,
  columns: readonly string[],
  rowCount: number | 'json',
): BulkText {
  const { columns: sets, textOf } = texts.of(verb)
  return textOf(sets.of(Object.fromEntries(columns.map((column) => [column, 1])), 0), rowCount)
}

describe('BulkTexts', () => {
  it('compiles a verb once for the same columns, in any order, and number of rows', () => {
    const texts = newTexts()
    const first = textFor(texts, insert, ['id', 'a'], 'json')

    expect(textFor(texts, { ...insert }, ['id', 'a'], 'json')).toBe(first)
    expect(textFor(texts, { ...insert, ignoresConflicts: true }, ['id', 'a'], 'json').sql).not.toBe(first.sql)
    expect(textFor(texts, insert, ['id', 'b'], 'json').sql).not.toBe(first.sql)
    expect(textFor(texts, insert, ['a', 'id'], 'json')).toBe(first)
    expect(textFor(texts, insert, ['id', 'a'], 32).sql).not.toBe(first.sql)
  })

  it('tells updates by what they compare', () => {
    const texts = newTexts()
    const update = (onlyIfGreater?: string): BulkVerb => ({ name: 'update', only: { onlyIfGreater } })
    const sqlOf = (verb: BulkVerb): string => textFor(texts, verb, ['id', 'a', 'b'], 'json').sql

    expect(new Set([update(), update('a'), update('b'), update('a')].map(sqlOf)).size).toBe(3)
  })

  it('takes the parameters of a condition from each call', () => {
    const texts = newTexts()
    const update = (least: number): BulkVerb => ({
      name: 'update',
      only: { where: sql<boolean>`a > ${least}` },
    })

    const [one, two] = [1, 2].map((least) => textFor(texts, update(least), ['id', 'a'], 'json').parameters)

    expect([one, two]).toEqual([[1], [2]])
  })

  it('has a bound, for columns, for numbers of rows and for verbs', () => {
    const texts = newTexts()
    const first = textFor(texts, insert, ['id'], 'json')
    expect(textFor(texts, insert, ['id'], 'json')).toBe(first)
    for (let n = 0; n < 513; n++) textFor(texts, insert, ['id', `c${n}`], 'json')
    const second = textFor(texts, insert, ['id'], 'json')
    expect(second).not.toBe(first)

    for (let n = 0; n < 64; n++) textFor(texts, insert, ['id'], n)
    const third = textFor(texts, insert, ['id'], 'json')
    expect(third).not.toBe(second)

    for (let n = 0; n < 64; n++)
      textFor(texts, { name: 'update', only: { onlyIfGreater: `c${n}` } }, ['id', `c${n}`], 1)
    expect(textFor(texts, insert, ['id'], 'json')).not.toBe(third)
  })
})
