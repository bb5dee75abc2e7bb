/**
 * What a program binds is stored the same and read the same with every driver.
 *
 * @module
 */
import { CompiledQuery, type Kysely, sql } from 'kysely'
import { expect } from 'vitest'
import { type AnyDatabase, type ContractCase, describeContract } from './case.ts'
import { createNotes, notes, rejection } from './note.ts'

/** A value, what SQLite stores of it in a column without affinity, and what is read back where that differs. */
interface Sample {
  readonly name: string
  readonly value: unknown
  readonly type: 'null' | 'integer' | 'real' | 'text' | 'blob'
  readonly read?: unknown
  /** What `quote()` says of it, where reading back could hide something. */
  readonly quoted?: string
}

const bytes = new Uint8Array([0, 1, 127, 128, 255])
const big = new Uint8Array(2_000_000).map((_, index) => index % 251)
const maxInt64 = 2n ** 63n - 1n
const minInt64 = -(2n ** 63n)

const samples: readonly Sample[] = [
  { name: 'null', value: null, type: 'null' },
  { name: '0', value: 0, type: 'integer', quoted: '0' },
  { name: '-0', value: -0, type: 'integer', read: 0, quoted: '0' },
  { name: '5', value: 5, type: 'integer', quoted: '5' },
  { name: '2^31', value: 2 ** 31, type: 'integer' },
  { name: '2^53 - 1', value: 2 ** 53 - 1, type: 'integer', quoted: '9007199254740991' },
  { name: '-(2^53 - 1)', value: -(2 ** 53 - 1), type: 'integer' },
  { name: '2^53 as a number', value: 2 ** 53, type: 'real' },
  { name: '1.5', value: 1.5, type: 'real', quoted: '1.5' },
  { name: '0.1', value: 0.1, type: 'real' },
  { name: '1e300', value: 1e300, type: 'real' },
  { name: '5e-324', value: 5e-324, type: 'real' },
  { name: '-1e300', value: -1e300, type: 'real' },
  { name: '5n', value: 5n, type: 'integer', read: 5 },
  { name: '2^53 + 1 as a bigint', value: 2n ** 53n + 1n, type: 'integer', quoted: '9007199254740993' },
  { name: 'the largest bigint', value: maxInt64, type: 'integer', quoted: '9223372036854775807' },
  { name: 'the smallest bigint', value: minInt64, type: 'integer', quoted: '-9223372036854775808' },
  { name: 'true', value: true, type: 'integer', read: 1 },
  { name: 'false', value: false, type: 'integer', read: 0 },
  {
    name: 'a Date',
    value: new Date(1_700_000_000_123),
    type: 'integer',
    read: 1_700_000_000_123,
  },
  { name: 'a Date before 1970', value: new Date(-1), type: 'integer', read: -1 },
  { name: 'empty text', value: '', type: 'text', quoted: "''" },
  { name: 'text with quotes and emoji', value: `it's "😀" ünï`, type: 'text' },
  { name: 'text that looks like a number', value: '007', type: 'text', quoted: "'007'" },
  { name: 'a lone high surrogate', value: 'a\ud83d', type: 'text', read: 'a\ufffd' },
  { name: 'a lone low surrogate', value: '\ude00a', type: 'text', read: '\ufffda' },
  { name: 'a byte order mark', value: '\ufeffa', type: 'text' },
  { name: '2 MB of text', value: 'ä'.repeat(1_000_000), type: 'text' },
  { name: 'an empty Uint8Array', value: new Uint8Array(), type: 'blob', quoted: "X''" },
  { name: 'a Uint8Array', value: bytes, type: 'blob', quoted: "X'00017F80FF'" },
  { name: 'a view of a part', value: bytes.subarray(1, 3), type: 'blob', read: new Uint8Array([1, 127]) },
  { name: 'an ArrayBuffer', value: bytes.buffer, type: 'blob', read: bytes },
  { name: 'an empty ArrayBuffer', value: new ArrayBuffer(0), type: 'blob', read: new Uint8Array() },
  { name: 'a Buffer', value: Buffer.from('abc'), type: 'blob', read: new Uint8Array([97, 98, 99]) },
  { name: '2 MB of bytes', value: big, type: 'blob' },
]

/** What cannot be stored as it is, and what the error calls it. */
const refused: readonly (readonly [what: string, value: unknown])[] = [
  ['undefined', undefined],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
  ['an object', { secret: 'hunter2' }],
  ['an array', ['hunter2']],
  ['a function', () => 'hunter2'],
  ['a symbol', Symbol('hunter2')],
  ['text with U+0000', 'hunter2\0'],
  ['a bigint beyond 64 bits', maxInt64 + 1n],
  ['a bigint beyond 64 bits', minInt64 - 1n],
  ['an invalid Date', new Date(Number.NaN)],
]

async function storeAndRead(db: Kysely<AnyDatabase>, value: unknown): Promise<Record<string, unknown>> {
  await db.insertInto('box').values({ any: value }).execute()
  return db
    .selectFrom('box')
    .select(['any', sql`typeof("any")`.as('type'), sql`quote("any")`.as('quoted')])
    .executeTakeFirstOrThrow()
}

/** Big blobs byte by byte take an assertion seconds. */
function expectSame(actual: unknown, expected: unknown): void {
  if (expected instanceof Uint8Array && expected.length > 1_000) {
    expect(actual).toBeInstanceOf(Uint8Array)
    expect(Buffer.compare(actual as Uint8Array, expected)).toBe(0)
  } else expect(actual).toStrictEqual(expected)
}

const cases: ContractCase[] = samples.map(({ name, value, type, read = value, quoted }) => ({
  name: `C8 ${name} is stored as ${type}`,
  async run({ openInMemory }) {
    const { db } = await openInMemory()
    await sql`create table box ("any")`.execute(db)

    const row = await storeAndRead(db, value)

    expect(row.type).toBe(type)
    expectSame(row.any, read)
    if (quoted !== undefined) expect(row.quoted).toBe(quoted)
    const bound = await sql<{
      v: unknown
      type: string
    }>`select ${value} as v, typeof(${value}) as type`.execute(db)
    expect(bound.rows[0]?.type).toBe(type)
    expectSame(bound.rows[0]?.v, read)
  },
}))

describeContract('values', [
  ...cases,
  ...refused.map(
    ([what, value]): ContractCase => ({
      name: `C8 ${what} (${typeof value}) is refused before anything runs`,
      async run({ openInMemory }) {
        const { db } = await openInMemory()
        await createNotes(db, 'there')

        const deletion = CompiledQuery.raw('delete from note where text = ? or text = ?', ['there', value])

        const errors = [
          await rejection(db.executeQuery(deletion)),
          await rejection(db.transaction().execute((trx) => trx.executeQuery(deletion))),
        ]

        for (const error of errors) {
          expect(error).toMatchObject({ name: 'InvalidStatementError' })
          expect(error.message.startsWith(`Cannot bind parameter 2 as it is ${what}: `)).toBe(true)
          expect(`${error.stack} ${JSON.stringify(error)}`).not.toContain('hunter2')
        }
        expect(await notes(db)).toEqual(['there'])
      },
    }),
  ),
  {
    name: 'C8 affinity does to a value what it does to a literal',
    async run({ openInMemory }) {
      const { db } = await openInMemory()
      await sql`create table t (i integer, r real, t text, n numeric, b blob)`.execute(db)
      await sql`insert into t values (5, 5, 5, 5, 5)`.execute(db)
      await sql`insert into t values (${5}, ${5}, ${5}, ${5}, ${5})`.execute(db)
      await sql`insert into t values ('5', '5', '5', '5', '5')`.execute(db)
      await sql`insert into t values (${'5'}, ${'5'}, ${'5'}, ${'5'}, ${'5'})`.execute(db)

      const { rows } =
        await sql`select quote(i) as i, quote(r) as r, quote(t) as t, quote(n) as n, quote(b) as b from t`.execute(
          db,
        )

      expect(rows[1]).toEqual(rows[0])
      expect(rows[0]).toEqual({ i: '5', r: '5.0', t: "'5'", n: '5', b: '5' })
      expect(rows[3]).toEqual(rows[2])
    },
  },
  {
    name: 'C8 integers are integers in expressions',
    async run({ openInMemory }) {
      const { db } = await openInMemory()

      const { rows } =
        await sql`select ${5} / ${2} as half, ${5} || '' as text, json_array(${5}, ${1.5}) as json`.execute(
          db,
        )

      expect(rows).toEqual([{ half: 2, text: '5', json: '[5,1.5]' }])
    },
  },
])
