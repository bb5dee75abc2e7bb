/**
 * One statement a call, with the parameters it takes; anything else is refused before anything runs.
 *
 * @module
 */
import { CompiledQuery, type Kysely, sql } from 'kysely'
import { expect } from 'vitest'
import { type AnyDatabase, type ContractCase, describeContract } from './case.ts'
import { createNotes, notes, rejection } from './note.ts'

function run(db: Kysely<AnyDatabase>, text: string, ...parameters: unknown[]) {
  return db.executeQuery<Record<string, unknown>>(CompiledQuery.raw(text, parameters))
}

/** A text, the values that are passed with it, and the row that it answers. */
const parameterStyles: readonly (readonly [text: string, values: unknown[], row: Record<string, unknown>])[] =
  [
    ['select ? as a, ? as b', [1, 2], { a: 1, b: 2 }],
    ['select ?1 as a, ?2 as b', [1, 2], { a: 1, b: 2 }],
    ['select ?2 as a, ?1 as b', [1, 2], { a: 2, b: 1 }],
    ['select ?1 as a, ?1 as b', [1], { a: 1, b: 1 }],
    ['select ?3 as a, ? as b', [1, 2, 3, 4], { a: 3, b: 4 }],
    ['select ?, ?1 as a', [1], { a: 1, '?': 1 }],
    ['select :a as a, :b as b, :a as c', [1, 2], { a: 1, b: 2, c: 1 }],
    ['select @a as a, $a as b, :a as c', [1, 2, 3], { a: 1, b: 2, c: 3 }],
    ['select $a::b as a, $a::b(c) as b', [1, 2], { a: 1, b: 2 }],
    ['select :a as a, ? as b, ?5 as c, :b as d', [1, 2, 3, 4, 5, 6], { a: 1, b: 2, c: 5, d: 6 }],
    [
      'select \'?\' as a, "?" as b, ? as c, \'\' as d from (select 7 as "?")',
      [1],
      { a: '?', b: 7, c: 1, d: '' },
    ],
    ['select ? as a -- ? :b\n, /* ? */ ? as b', [1, 2], { a: 1, b: 2 }],
    ['select [?].a, `?`.a as b from (select ? as a) as [?]', [1], { a: 1, b: 1 }],
    ['select \'it\'\'s ?\' as a, ? as "b""?"', [1], { a: "it's ?", 'b"?': 1 }],
    ["select json('[1]') -> ? as a, '{\"b\":2}' ->> ? as b", [0, 'b'], { a: '1', b: 2 }],
    ['select :ü as a, :名 as b', [1, 2], { a: 1, b: 2 }],
    ['select ?as a', [1], { a: 1 }],
  ]

const severalStatements: readonly string[] = [
  'delete from note; delete from note',
  'select 1; delete from note',
  'delete from note;;\n delete from note',
  'select 1; -- comment\n select 2',
  "select ';'; select 2",
  'create trigger t after insert on note begin select 1; end; delete from note',
  'begin; delete from note; commit',
]

const oneStatement: readonly (readonly [text: string, rows: number])[] = [
  ['select 1;', 1],
  [';; select 1 ;; -- end', 1],
  ['select \';\' as a, "x;y" from (select 1 as "x;y")', 1],
  ['select 1 /* ; select 2 */', 1],
  ['select 1 -- ; select 2', 1],
  ['\ufeffselect 1', 1],
  ['values (1), (2);', 2],
  [
    'create trigger inner_semicolons after update on note begin select 1; delete from note where false; end;',
    0,
  ],
  [
    'create temp trigger if not exists cases after update on note when case when true then 1 end begin select case when 1 then 2 end; end',
    0,
  ],
  ["create table \"a;b\" (x default ';', y generated always as (x || ';'))", 0],
]

const styleCases = parameterStyles.map(
  ([text, values, row]): ContractCase => ({
    name: `C8 parameters of ${JSON.stringify(text)}`,
    async run({ openInMemory }) {
      const { db } = await openInMemory()

      expect((await run(db, text, ...values)).rows).toEqual([row])

      for (const wrong of [values.slice(1), [...values, 1]]) {
        const error = await rejection(run(db, text, ...wrong))
        const counts = `${values.length} parameters and got ${wrong.length}`
        expect(error).toMatchObject({
          name: 'InvalidStatementError',
          message: `Cannot run the statement as it takes ${counts}`,
        })
      }
    },
  }),
)

describeContract('statements', [
  ...styleCases,
  {
    name: 'C8 one statement, whatever semicolons are in its strings, comments, names and triggers',
    async run({ openInMemory }) {
      const { db } = await openInMemory()
      await createNotes(db, 'a')

      for (const [text, rows] of oneStatement) expect((await run(db, text)).rows).toHaveLength(rows)

      expect(await notes(db)).toEqual(['a'])
    },
  },
  {
    name: 'C8 more than one statement is refused before anything runs',
    async run({ openInMemory }) {
      const { db } = await openInMemory()
      await createNotes(db, 'a')

      for (const text of severalStatements) {
        for (const handle of ['db', 'trx'] as const) {
          const refused = rejection(
            handle === 'db' ? run(db, text) : db.transaction().execute((trx) => run(trx, text)),
          )
          expect(await refused).toMatchObject({
            name: 'InvalidStatementError',
            message: expect.stringMatching(/more than one statement/),
          })
        }
      }

      expect(await notes(db)).toEqual(['a'])
    },
  },
  {
    name: 'C8 no statement at all, or one that SQLite would cut off, is refused',
    async run({ openInMemory }) {
      const { db } = await openInMemory()

      for (const text of [
        '',
        '  ',
        ';',
        '-- select 1',
        '/* select 1',
        'select 1\0 as a',
        "select 'a",
        'select "a',
        'select :',
      ]) {
        expect(await rejection(run(db, text))).toMatchObject({ name: 'InvalidStatementError' })
      }
    },
  },
  {
    name: 'C8 a trigger is created whole and runs',
    async run({ open }) {
      const { db } = await open()
      await createNotes(db)
      await sql`create table log (text)`.execute(db)
      await sql`
        -- a comment with ; and 'quotes
        create trigger copy after insert on note
        when new.text <> ';'
        begin
          insert into log values ('one;' || new.text);
          insert into log select case when new.id > 0 then 'two' else 'never' end;
        end;
      `.execute(db)

      await db.insertInto('note').values({ text: 'a' }).execute()

      expect(await db.selectFrom('log').selectAll().execute()).toEqual([{ text: 'one;a' }, { text: 'two' }])
    },
  },
  {
    name: 'C8 32,766 parameters in one statement',
    async run({ openInMemory }) {
      const { db } = await openInMemory()
      const values = Array.from({ length: 32_766 }, (_, index) => index)

      const { rows } = await run(db, `select 32765 in (${values.map(() => '?').join()}) as found`, ...values)

      expect(rows).toEqual([{ found: 1 }])
    },
  },
])
