import { DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler, sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import type { ColumnSet } from '../../src/bulk-cells.ts'
import type { BulkVerb } from '../../src/bulk-sql.ts'
import { BulkTexts } from '../../src/bulk-texts.ts'

const db = new Kysely<Record<string, unknown>>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
})
const setOf = (...columns: string[]): ColumnSet => ({ columns, keyIndexes: [0] })
const newTexts = (): BulkTexts => new BulkTexts({ db, name: 't', key: ['id'] })

describe('BulkTexts', () => {
  it('compiles a verb once for the same columns and number of rows', () => {
    const texts = newTexts()
    const insert: BulkVerb = { name: 'insert', ignoresConflicts: false }
    const first = texts.of(insert)(setOf('id', 'a'), 'json')

    expect(texts.of({ ...insert })(setOf('id', 'a'), 'json')).toBe(first)
    expect(texts.of({ ...insert, ignoresConflicts: true })(setOf('id', 'a'), 'json').sql).not.toBe(first.sql)
    expect(texts.of(insert)(setOf('id', 'b'), 'json').sql).not.toBe(first.sql)
    expect(texts.of(insert)(setOf('id', 'a'), 32).sql).not.toBe(first.sql)
  })

  it('takes the parameters of a condition from each call', () => {
    const texts = newTexts()
    const update = (least: number): BulkVerb => ({
      name: 'update',
      only: { where: sql<boolean>`a > ${least}` },
    })

    const [one, two] = [1, 2].map((least) => texts.of(update(least))(setOf('id', 'a'), 'json').parameters)

    expect([one, two]).toEqual([[1], [2]])
  })

  it('has a bound', () => {
    const texts = newTexts()
    const insert = texts.of({ name: 'insert', ignoresConflicts: false })
    const first = insert(setOf('id'), 'json')
    expect(insert(setOf('id'), 'json')).toBe(first)

    for (let n = 0; n < 512; n++) insert(setOf('id', `c${n}`), 'json')

    expect(insert(setOf('id'), 'json')).not.toBe(first)
  })
})
