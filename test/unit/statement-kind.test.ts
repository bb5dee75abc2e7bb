/**
 * What `shapeOf()` makes of SQL texts, case by case. `statement-kind-fuzz.test.ts` asks a real SQLite.
 *
 * @module
 */
import { describe, expect, test } from 'vitest'
import { InvalidStatementError } from '../../src/errors.ts'
import { type StatementShape, shapeOf } from '../../src/statement-kind.ts'

/** What a text that is none of the special things looks like. */
const plain = { parameterCount: 0, returning: false, temporary: false, updates: false }
const read = { ...plain, kind: 'read' } as const
const write = { ...plain, kind: 'write' } as const
const alone = { ...plain, kind: 'alone' } as const
const control = { ...plain, kind: 'control' } as const

type Cases = Readonly<Record<string, Partial<StatementShape>>>

const kinds: Cases = {
  'select 1': { ...read, verb: 'SELECT' },
  'SELECT * FROM "insert"': { ...read, verb: 'SELECT' },
  'values (1), (2)': { ...read, verb: 'VALUES' },
  'explain insert into t values (?) returning id': { ...read, verb: 'EXPLAIN', parameterCount: 1 },
  'explain query plan select 1': { ...read, verb: 'EXPLAIN' },
  'explain create temp table t (a)': { ...read, verb: 'EXPLAIN' },
  'explain begin': { ...read, verb: 'EXPLAIN' },
  'insert into t values (1)': { ...write, verb: 'INSERT' },
  'insert or rollback into t values (1)': { ...write, verb: 'INSERT' },
  'replace into t values (1)': { ...write, verb: 'REPLACE' },
  'update t set a = 1': { ...write, verb: 'UPDATE', updates: true },
  'delete from t': { ...write, verb: 'DELETE' },
  'create table t (a)': { ...write, verb: 'CREATE' },
  'drop table t': { ...write, verb: 'DROP' },
  'alter table t add b': { ...write, verb: 'ALTER' },
  analyze: { ...write, verb: 'ANALYZE' },
  'reindex t': { ...write, verb: 'REINDEX' },
  vacuum: { ...alone, verb: 'VACUUM' },
  "vacuum into 'copy.db'": { ...alone, verb: 'VACUUM' },
  'detach other': { ...alone, verb: 'DETACH' },
  'merge into t using u on 1': { ...alone, verb: 'MERGE' },
  '(select 1)': { ...alone, verb: '' },
  '"select" 1': { ...alone, verb: '' },
  '? + 1': { ...alone, verb: '', parameterCount: 1 },
  'with a as (select 1) select * from a': { ...read, verb: 'SELECT' },
  'with a as (select 1) values (1)': { ...read, verb: 'VALUES' },
  'with a as (select 1) insert into t select * from a': { ...write, verb: 'INSERT' },
  'with recursive a (x, y) as (select 1, 2), b as (values (1)) update t set a = 1': {
    ...write,
    verb: 'UPDATE',
    updates: true,
  },
  'with a as materialized (select 1) delete from t': { ...write, verb: 'DELETE' },
  'with a as not materialized (select 1) replace into t values (1)': { ...write, verb: 'REPLACE' },
  'with replace as (select 1) select * from replace': { ...read, verb: 'SELECT' },
  'with "insert" as (select 1), [update] (a) as (select 2) select 1': { ...read, verb: 'SELECT' },
  "with a as (select ') insert' from t) select replace(1, 2, 3)": { ...read, verb: 'SELECT' },
  'with a as (select (1) replace from t) select 1': { ...read, verb: 'SELECT' },
  'with a as (select 1)': { ...alone, verb: 'WITH' },
  '\uFEFFselect 1': { ...read, verb: 'SELECT' },
  ' ;\n; select 1': { ...read, verb: 'SELECT' },
  '/* insert */ -- update\n select 1': { ...read, verb: 'SELECT' },
  'select/**/1': { ...read, verb: 'SELECT' },
  'select 1 /* open; insert': { ...read, verb: 'SELECT' },
  'select 1 /*/ ; still open': { ...read, verb: 'SELECT' },
  'select 1 -- ; open': { ...read, verb: 'SELECT' },
  'select$ 1': { ...alone, verb: 'select$' },
  'ſelect 1': { ...alone, verb: 'ſelect' },
}

const returningCases: Cases = {
  'insert into t values (1) returning id': { ...write, returning: true },
  'update t set a = 1 where b in (select 1) RETURNING *': { ...write, returning: true, updates: true },
  'delete from t returning(id)': { ...write, returning: true },
  'with a as (select 1) replace into t values (1) returning id': {
    ...write,
    verb: 'REPLACE',
    returning: true,
  },
  'insert into t values (1) on conflict (a) do /* */ Update set a = 2': { ...write, updates: true },
  'insert into t select (select a from "update"), 1 on conflict do nothing': write,
  'insert into "returning" values (1)': write,
  'delete from t as ŒETURNING': write,
  "insert into t values ('returning') -- returning": write,
  'select 1 as "x returning"': read,
}

const temporaryCases: Cases = {
  'create temp table t (a)': { ...write, temporary: true },
  'CREATE TEMPORARY VIEW v AS SELECT 1': { ...write, temporary: true },
  'create temp trigger r after insert on t begin select 1; end': { ...write, temporary: true },
  'create table temp.t (a)': { ...write, temporary: true },
  'create table if not exists "TEMP" . t (a)': { ...write, temporary: true },
  "create table 'temp'.t (a)": { ...write, temporary: true },
  'create unique index [temp].i on t (a)': { ...write, temporary: true },
  'create virtual table `temp`.t using fts5(a)': { ...write, temporary: true },
  "attach 'other.db' as other": { ...alone, verb: 'ATTACH', temporary: true },
  'attach ? as other': { ...alone, verb: 'ATTACH', parameterCount: 1, temporary: true },
  'create table temp (a)': write,
  'create table main.temp (a)': write,
  'create table t (temp, temporary)': write,
  'create table if not exists main.t as select * from temp.t': write,
}

const connectionFunctionCases: Cases = {
  'select last_insert_rowid()': { ...read, connectionFunction: 'last_insert_rowid' },
  'insert into t values (LAST_INSERT_ROWID /* */ ( ))': { ...write, connectionFunction: 'last_insert_rowid' },
  'select 1 where changes() > 0': { ...read, connectionFunction: 'changes' },
  'select total_changes(*)': { ...read, connectionFunction: 'total_changes' },
  'select "changes"()': { ...read, connectionFunction: 'changes' },
  'insert into changes (id) values (1)': write,
  'create index i on changes (id)': write,
  'select changes from t': read,
  'select \'changes()\', "changes()", [changes()] -- changes()': read,
  'select 1 as "a changes" /* changes() */': read,
  'explain select changes()': read,
  'create trigger r after insert on t begin insert into u values (last_insert_rowid()); end': write,
  'create view v as select changes()': write,
}

const controlCases: Cases = {
  begin: { ...control, verb: 'BEGIN', control: { action: 'begin' } },
  'BEGIN TRANSACTION;': { ...control, control: { action: 'begin' } },
  'begin deferred': { ...control, control: { action: 'begin', mode: 'deferred' } },
  'begin /* now */ Immediate transaction': { ...control, control: { action: 'begin', mode: 'immediate' } },
  'begin exclusive': { ...control, control: { action: 'begin', mode: 'exclusive' } },
  commit: { ...control, verb: 'COMMIT', control: { action: 'commit' } },
  'end transaction': { ...control, verb: 'END', control: { action: 'commit' } },
  rollback: { ...control, verb: 'ROLLBACK', control: { action: 'rollback' } },
  'rollback transaction t': { ...control, control: { action: 'rollback' } },
  'rollback to s': { ...control, control: { action: 'rollback to', name: 's' } },
  'rollback transaction to savepoint "s ""2"': {
    ...control,
    control: { action: 'rollback to', name: 's "2' },
  },
  'savepoint s': { ...control, verb: 'SAVEPOINT', control: { action: 'savepoint', name: 's' } },
  "release 's'": { ...control, verb: 'RELEASE', control: { action: 'release', name: 's' } },
  'release savepoint [a b]': { ...control, control: { action: 'release', name: 'a b' } },
}

const pragmaCases: Cases = {
  'pragma Journal_Mode': { ...alone, verb: 'PRAGMA', pragma: { name: 'journal_mode', assigns: false } },
  'PRAGMA main.synchronous = FULL': { ...alone, pragma: { name: 'synchronous', assigns: true } },
  'pragma "main" . "user_version"=3;': { ...alone, pragma: { name: 'user_version', assigns: true } },
  'pragma table_info(t)': { ...alone, pragma: { name: 'table_info', assigns: true } },
  // SQLite applies a pragma while it prepares its EXPLAIN.
  'explain pragma query_only = 0': {
    ...alone,
    verb: 'EXPLAIN',
    pragma: { name: 'query_only', assigns: true },
  },
  'explain query plan pragma query_only': { ...alone, pragma: { name: 'query_only', assigns: false } },
}

/** What the parameters of a text become: the text, how many values, and which value each `?` takes. */
const parameterCases: Readonly<
  Record<string, readonly [sql: string, count: number, order?: readonly number[]]>
> = {
  'select ?, ?': ['select ?, ?', 2],
  'select :a, :b': ['select ?, ?', 2],
  'select :a, @a, $a, :a, :A': ['select ?, ?, ?, ?, ?', 4, [0, 1, 2, 0, 3]],
  'select ?3': ['select ?', 3, [2]],
  'select ?2, ?1, ?02': ['select ?, ?, ?', 2, [1, 0, 1]],
  'select ?, ?, ?2, ?': ['select ?, ?, ?, ?', 3, [0, 1, 1, 2]],
  'select ?5, ?, :a, ?6, :a, $a::b(c), ?': ['select ?, ?, ?, ?, ?, ?, ?', 9, [4, 5, 6, 5, 6, 7, 8]],
  'select :1, :1': ['select ?, ?', 1, [0, 0]],
  'select #a, :::a, :é': ['select ?, ?, ?', 3],
  'select $a(?;), ?': ['select ?, ?', 2],
  'select $a(b)1': ['select ? 1', 1],
  'select?1_0': ['select?_0', 1],
  'select a->?, a->>:b': ['select a->?, a->>?', 2],
  'select a-->?\n, ?': ['select a-->?\n, ?', 1],
  "select ':a ?', \":b ?\", [:c ?], `:d ?`, x'00', :e -- :f ?": [
    "select ':a ?', \":b ?\", [:c ?], `:d ?`, x'00', ? -- :f ?",
    1,
  ],
  "select 'it''s :a', :b, 'it''s :c'": ["select 'it''s :a', ?, 'it''s :c'", 1],
  'select a$b, 1$c': ['select a$b, 1$c', 0],
  'select ?32766': ['select ?', 32_766, [32_765]],
}

describe.each([
  ['kind and verb', kinds],
  ['RETURNING', returningCases],
  ['objects of one connection', temporaryCases],
  ['functions of one connection', connectionFunctionCases],
  ['transaction control', controlCases],
  ['pragmas', pragmaCases],
])('shapeOf() tells %s', (_, cases) => {
  test.each(Object.entries(cases))('%j', (sql, expected) => {
    const shape = shapeOf(sql)

    const { verb = shape.verb } = expected
    expect(shape).toEqual({ ...expected, verb, sql })
  })
})

describe('shapeOf() counts and rewrites parameters', () => {
  test.each(Object.entries(parameterCases))('%j', (text, [sql, count, order]) => {
    const { sql: rewritten, parameterCount, parameterOrder } = shapeOf(text)

    expect({ rewritten, parameterCount, parameterOrder }).toEqual({
      rewritten: sql,
      parameterCount: count,
      parameterOrder: order,
    })
  })
})

describe('shapeOf() refuses', () => {
  const more = /more than one statement/
  const empty = /there is no statement in it/
  const unknown = /begins no token: quotes must be closed, parameters must have names/

  test.each<readonly [string, RegExp]>([
    ['', empty],
    [' \n\t', empty],
    ['\uFEFF', empty],
    [';;', empty],
    ['-- select 1', empty],
    ['/* select 1', empty],
    ['select 1; select 2', more],
    ['select 1;; select 2', more],
    ['select 1 /* ; */ ; -- ;\n select 2', more],
    ['insert into t values (1); drop table t', more],
    ['select 1; ?', more],
    ['select 1;/*', more],
    ['select [a]]; select 2', more],
    ['select 1; \x01', more],
    ['create table trigger_log (a); select 1', more],
    ['create trigger r after insert on t begin select 1; end; select 2', more],
    ['explain create trigger r after insert on t begin select 1; end; select 2', more],
    ['create trigger r after insert on t begin select 1; end; end;', more],
    ['select 1\0', /U\+0000/],
    ["select 'a\0b'", /U\+0000/],
    ["select 'open", unknown],
    ['select "open ?', unknown],
    ['select [open', unknown],
    ['select a::int', unknown],
    ['select $a(b c)', unknown],
    ['select :, ?', unknown],
    ['select #1', unknown],
    ['select ?0', /parameters are \?1 to \?32766/],
    ['select ?32767', /parameters are \?1 to \?32766/],
    ['select ?99999999999999999999999', /parameters are \?1 to \?32766/],
  ])('%j', (sql, message) => {
    expect(() => shapeOf(sql)).toThrow(InvalidStatementError)
    expect(() => shapeOf(sql)).toThrow(message)
  })
})

describe('shapeOf() takes for one statement', () => {
  test.each([
    'select 1;',
    'select 1 ; ; -- ; \n /* ; */ ;',
    'select \';\', ";", [;], `;`',
    'select 1; \uFEFF',
    'select 1; /* open',
    'create trigger r after insert on t begin select 1; end',
    'create trigger r after insert on t begin select 1; select case 1 when 1 then 2 end; end ; -- end',
    'CREATE /* ; */ TEMPORARY TRIGGER IF NOT EXISTS r AFTER INSERT ON t BEGIN UPDATE "end" SET a = 1; END;',
    'explain query plan create trigger r after insert on t begin select 1; end;',
    "create trigger [;] after insert on t begin insert into u values ('; end;'); delete from u; end",
  ])('%j', (sql) => {
    expect(shapeOf(sql).sql).toBe(sql)
  })
})

describe('shapeOf() keeps what it read', () => {
  test('for the 256 texts that were used last', () => {
    const texts = Array.from({ length: 256 }, (_, index) => `select ${index}`)
    const shapes = texts.map(shapeOf)

    const again = texts.map(shapeOf)

    expect(again.every((shape, index) => shape === shapes[index])).toBe(true)
  })

  test('but not for ever', () => {
    const first = shapeOf('select 1')
    for (let index = 0; index < 512; index++) shapeOf(`select ${index} as other`)

    const second = shapeOf('select 1')

    expect(second).not.toBe(first)
    expect(second).toEqual(first)
  })

  test('of long texts only the last few', () => {
    const long = `select '${'x'.repeat(8 * 1024)}'`
    const first = shapeOf(long)
    expect(shapeOf(long)).toBe(first)
    for (let index = 0; index < 32; index++) shapeOf(`${long} as c${index}`)

    expect(shapeOf(long)).not.toBe(first)
  })

  test('and none of the longest', () => {
    const long = `select '${'x'.repeat(64 * 1024)}'`
    const first = shapeOf(long)

    const second = shapeOf(long)

    expect(second).not.toBe(first)
    expect(second).toEqual(first)
  })
})
