/**
 * `shapeOf()` on random texts: against what is known of their parts, and against what a real SQLite does.
 *
 * @module
 */
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { InvalidStatementError } from '../../src/errors.ts'
import { type StatementShape, shapeOf } from '../../src/statement-kind.ts'

/** Whatever may stand between two tokens, and looks like something else. */
const blanks: fc.Arbitrary<string> = fc
  .array(
    fc.constantFrom(
      ' ',
      '\n',
      '\t',
      '\r\n',
      '\f',
      '/* ; */',
      "/*'*/",
      '/*?"*/',
      '/**/',
      '-- ; end\n',
      "--'\n",
      '--:a\n',
    ),
    { minLength: 1, maxLength: 3 },
  )
  .map((parts) => ` ${parts.join('')}`)

const hostileText: fc.Arbitrary<string> = fc
  .array(
    fc.constantFrom(
      ';',
      '?',
      ':a',
      "'",
      '"',
      '`',
      '[',
      '--',
      '/*',
      '*/',
      'end',
      'insert',
      ' ',
      'é',
      '(',
      'returning',
    ),
  )
  .map((parts) => `n${parts.join('')}`)
const quotedName: fc.Arbitrary<string> = fc.oneof(
  hostileText.map((text) => `"${text.replaceAll('"', '""')}"`),
  hostileText.map((text) => `\`${text.replaceAll('`', '``')}\``),
  hostileText.map((text) => `[${text}]`),
)
const stringLiteral: fc.Arbitrary<string> = hostileText.map((text) => `'${text.replaceAll("'", "''")}'`)

/** Known statements as lists of tokens; N stands for any name, S for any string. */
const templates: readonly string[] = [
  'select N , S from N where N = ? and changes ( ) = 0',
  'values ( S , ? )',
  'insert into N ( N ) values ( S ) , ( ? ) on conflict do nothing returning N',
  'with N as materialized ( select S ) , N ( N ) as ( values ( S ) ) update N set N = S',
  'with recursive N as ( select S ) select N from N',
  'create temp trigger N after insert on N begin insert into N values ( S ) ; select case S when N then 1 end ; end',
  'explain query plan create trigger N after insert on N begin delete from N ; end ;',
  'create table if not exists temp . N ( N default S )',
  'pragma main . user_version = 3',
  'rollback transaction to savepoint "7"',
  'begin immediate ;',
  'delete from N where N = S',
  'attach S as N',
]

describe('shapeOf() on random texts', () => {
  test('sees through comments, quoted names, strings and case', () => {
    const decorated = fc.constantFrom(...templates).chain((template) => {
      const parts = template.split(' ').map((part) => {
        if (part === 'N') return quotedName
        if (part === 'S') return stringLiteral
        return fc.constantFrom(part, part.toUpperCase())
      })
      const noise = fc.array(blanks, { minLength: parts.length + 1, maxLength: parts.length + 1 })
      return fc.tuple(fc.constant(template), fc.tuple(...parts), noise)
    })

    fc.assert(
      fc.property(decorated, ([template, parts, noise]) => {
        const bare = shapeOf(template.replaceAll('N', '"n"').replaceAll('S', "'s'"))
        const text = noise.map((blank, index) => blank + (parts[index] ?? '')).join('')

        expect(shapeOf(text)).toEqual({ ...bare, sql: text })
      }),
      { numRuns: 2_000 },
    )
  })

  test('counts and orders parameters as SQLite does', () => {
    using db = new DatabaseSync(':memory:')
    const parameter = fc.oneof(
      fc.constantFrom(
        '?',
        '?',
        ':a',
        ':b',
        '@a',
        '$a',
        '$a::b(c)',
        '$a(;)',
        ':a(b)',
        '#a',
        ':::a',
        ':é',
        '@1',
        ':A',
      ),
      fc.integer({ min: 1, max: 40 }).map((number) => `?${number}`),
      fc.integer({ min: 1, max: 9 }).map((number) => `?0${number}`),
    )
    const column = fc
      .tuple(blanks, parameter, blanks, fc.oneof(stringLiteral, quotedName))
      .map((parts) => parts.join(''))

    fc.assert(
      fc.property(fc.array(column, { minLength: 1, maxLength: 20 }), (columns) => {
        const text = `select ${columns.join(',')}`
        const numbers = numbersOfParameters(db, text)

        const { sql, parameterCount, parameterOrder } = shapeOf(text)

        expect(parameterCount).toBe(Math.max(...numbers))
        expect(parameterOrder ?? numbers.map((_, index) => index)).toEqual(
          numbers.map((number) => number - 1),
        )
        expect(numbersOfParameters(db, sql)).toEqual(numbers.map((_, index) => index + 1))
        expect(columnNames(db, sql)).toEqual(columnNames(db, text))
      }),
      { numRuns: 1_000 },
    )
  })

  test('agrees with SQLite about every text that SQLite can prepare', () => {
    using db = new DatabaseSync(':memory:')
    const piece = fc.constantFrom(
      ...['?', '?1', '?7', ':a', '@a', '$a', '$a::b(c)', '#a', ':', '::', '$', '@', '#', '#1', '?0'],
      ...[
        "'",
        "''",
        '"',
        '`',
        '[',
        ']',
        "'x'",
        '"y"',
        '`z`',
        '[w]',
        "x'00'",
        '1',
        '.5',
        '1e5',
        '0x1f',
        '1_0',
        'e',
      ],
      ...[
        ',',
        ',',
        ',',
        '+',
        '-',
        '->',
        '->>',
        '||',
        '(',
        ')',
        ' ',
        '\n',
        '\v',
        '\uFEFF',
        '--',
        '--c\n',
        '/*',
        '*/',
        '/',
        '*',
      ],
      ...['as', 'select', 'union all', ';'],
    )
    let prepared = 0

    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 9 }), (pieces) => {
        const text = `select ${pieces.join('')}`
        const numbers = preparedNumbers(db, text)
        const shape = shapeOrRefusal(text)
        if (numbers === undefined) return
        prepared++

        if (typeof shape === 'string') expect(shape).toMatch(/more than one statement/)
        else expect(shape.parameterCount).toBe(Math.max(0, ...numbers))
      }),
      { numRuns: 20_000 },
    )
    expect(prepared).toBeGreaterThan(500)
  })

  test('finds a second statement exactly where SQLite runs one', () => {
    using db = new DatabaseSync(':memory:')
    db.exec('create table log (a); create table watched (a)')
    const insert = fc.oneof(
      fc.constant('insert into log values (1)'),
      stringLiteral.map((text) => `insert into log values (${text})`),
      quotedName.map((name) => `insert into log select 1 as ${name}`),
    )
    const insertWith = stringLiteral.map(
      (text) => `with c as (select ${text}) insert into log select * from c`,
    )
    const body = fc.array(fc.oneof(insert, fc.constant('update log set a = case a when 1 then 2 end')), {
      minLength: 1,
      maxLength: 3,
    })
    const trigger = fc
      .tuple(fc.constantFrom('', 'temp ', 'TEMPORARY '), blanks, blanks, body)
      .map(
        ([temp, before, after, statements]) =>
          `create ${temp}${before}trigger NAME after insert on watched begin ${statements.join(`;${after}`)};${after}end`,
      )
    const statement = fc.oneof(insert, insertWith, trigger)
    const separator = fc
      .tuple(blanks, fc.constantFrom(';', ';;', '; ;'), blanks)
      .map((parts) => parts.join(''))
    const texts = fc.tuple(
      fc.constantFrom('', ';', '-- c\n;', '\uFEFF', 'explain ', 'explain query plan '),
      fc.array(fc.tuple(statement, separator), { minLength: 1, maxLength: 3 }),
      fc.boolean(),
    )

    fc.assert(
      fc.property(texts, ([lead, statements, keepsLastSeparator]) => {
        const joined = statements
          .map(([sql, end], index) => sql.replace('NAME', `trigger_${index}`) + end)
          .join('')
        const last = statements.at(-1)?.[1].length ?? 0
        const text = lead + (keepsLastSeparator ? joined : joined.slice(0, joined.length - last))
        const [ofAll, ofFirst] = [effects(db, () => db.exec(text)), effects(db, () => db.prepare(text).all())]

        const shape = shapeOrRefusal(text)

        expect(typeof shape === 'string').toBe(ofAll !== ofFirst)
        if (typeof shape === 'string') expect(shape).toMatch(/more than one statement/)
      }),
      { numRuns: 1_000 },
    )
  })

  test('answers or refuses, whatever the text is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), hostileText), (text) => {
        shapeOrRefusal(text)
      }),
      { numRuns: 5_000 },
    )
  })
})

/** The message of the refusal, if it is one. */
function shapeOrRefusal(sql: string): StatementShape | string {
  try {
    return shapeOf(sql)
  } catch (error) {
    if (error instanceof InvalidStatementError) return error.message
    throw error
  }
}

/** The numbers that SQLite gave to the parameters: for a list like `select ?, :a` in the order of the text. */
function numbersOfParameters(db: DatabaseSync, sql: string): number[] {
  const program = db.prepare(`explain ${sql}`).all()
  return program.filter(({ opcode }) => opcode === 'Variable').map(({ p1 }) => Number(p1))
}

function preparedNumbers(db: DatabaseSync, sql: string): number[] | undefined {
  try {
    return numbersOfParameters(db, sql)
  } catch {
    return undefined
  }
}

function columnNames(db: DatabaseSync, sql: string): (string | null)[] {
  return db
    .prepare(sql)
    .columns()
    .map(({ name }) => name)
}

/** How many log entries and triggers an action makes; it is undone. */
function effects(db: DatabaseSync, action: () => void): number {
  db.exec('begin')
  try {
    action()
    const triggers =
      'select count(*) as n from (select 1 from sqlite_schema where type = ? union all select 1 from temp.sqlite_schema)'
    const log = db.prepare('select count(*) as n from log').get()
    const made = db.prepare(triggers).get('trigger')
    return Number(log?.n) + Number(made?.n)
  } finally {
    db.exec('rollback')
  }
}
