/**
 * `UnbusyQueryCompiler` writes what Kysely's own compiler writes, the first time and from memory.
 *
 * @module
 */
import fc from 'fast-check'
import {
  DummyDriver,
  type InsertQueryNode,
  Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
} from 'kysely'
import { describe, expect, test } from 'vitest'
import { UnbusyQueryCompiler } from '../../src/kysely/query-compiler.ts'

// biome-ignore lint/suspicious/noExplicitAny: names are random here
type AnyKysely = Kysely<any>

function compilingWith(compiler: SqliteQueryCompiler): AnyKysely {
  return new Kysely({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => compiler,
    },
  })
}

const ours = compilingWith(new UnbusyQueryCompiler())
const kyselys = compilingWith(new SqliteQueryCompiler())

const name = fc.constantFrom('a', 'b', 'ab', 'a"b', 'a, b', 'A', 'é', 'a$1', '')
const value = fc.oneof(fc.integer(), fc.string(), fc.constant(null), fc.boolean(), fc.constant(undefined))
const row = fc.dictionary(name, value, { minKeys: 1, maxKeys: 4 })

/** Inserts of which some are plain and some nearly are. */
const inserts: readonly ((db: AnyKysely, table: string, values: Record<string, unknown>) => unknown)[] = [
  (db, table, values) => db.insertInto(table).values(values),
  (db, table, values) => db.replaceInto(table).values(values),
  (db, table, values) => db.insertInto(table).values([values, values]),
  (db, table, values) => db.insertInto(table).values([values, { ...values, extra: 1 }]),
  (db, table, values) => db.insertInto(table).values({ ...values, now: sql`unixepoch()` }),
  (db, table, values) => db.insertInto(table).orIgnore().values(values),
  (db, table, values) => db.insertInto(table).values(values).returningAll(),
  (db, table, values) =>
    db
      .insertInto(table)
      .values(values)
      .onConflict((conflict) => conflict.doNothing()),
  (db, table, values) => db.insertInto(table).values(values).modifyEnd(sql`-- end`),
  (db, table, values) => db.withSchema('other').insertInto(table).values(values),
  (db, table, values) =>
    db
      .with('c', (cte) => cte.selectFrom('t').selectAll())
      .insertInto(table)
      .values(values),
  (db, table) => db.insertInto(table).defaultValues(),
  (db, table) => db.insertInto(table).columns(['a']).expression(db.selectFrom('t').select('a')),
]

function compile(db: AnyKysely, insert: number, table: string, values: Record<string, unknown>): unknown {
  const query = inserts[insert]?.(db, table, values) as {
    compile(): { sql: string; parameters: readonly unknown[] }
  }
  const { sql: text, parameters } = query.compile()
  return { text, parameters }
}

describe('UnbusyQueryCompiler', () => {
  test('compiles every insert as Kysely does, in whatever order they come', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: inserts.length - 1 }), name, row), { minLength: 1, maxLength: 20 }),
        (calls) => {
          for (const [insert, table, values] of calls) {
            expect(compile(ours, insert, table, values)).toEqual(compile(kyselys, insert, table, values))
          }
        },
      ),
      { numRuns: 500 },
    )
  })

  test('builds the text of a plain row once; its parameters are those of the call', () => {
    let built = 0
    class CountingCompiler extends UnbusyQueryCompiler {
      protected override visitInsertQuery(node: InsertQueryNode): void {
        built++
        super.visitInsertQuery(node)
      }
    }
    const db = compilingWith(new CountingCompiler())

    const one = db.insertInto('kept').values({ a: 1 }).compile()
    const other = db.insertInto('kept').values({ a: 2 }).compile()

    expect(built).toBe(1)
    expect(other.sql).toBe(one.sql)
    expect([one.parameters, other.parameters]).toEqual([[1], [2]])
    expect(other.query.kind).toBe('InsertQueryNode')
    expect(other.queryId.queryId).not.toBe(one.queryId.queryId)
    expect(Object.isFrozen(other)).toBe(true)
  })

  test('a program that makes up names compiles on when the memory is full', () => {
    const compileAll = (db: AnyKysely): string[] =>
      Array.from(
        { length: 400 },
        (_, n) =>
          db
            .insertInto(`t${n}`)
            .values({ [`c${n}`]: n })
            .compile().sql,
      )

    expect(compileAll(ours)).toEqual(compileAll(kyselys))
    expect(compileAll(ours)).toEqual(compileAll(kyselys))
  })
})
