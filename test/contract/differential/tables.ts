/**
 * The tables of generated programs: columns of every affinity, with and without a rowid.
 *
 * @module
 */
import * as fc from 'fast-check'
import type { ProgramStep } from './step.ts'
import { anyValue, type ProgramValue, shortValue } from './values.ts'

const types = [
  '',
  'integer',
  'real',
  'blob',
  'numeric',
  'boolean',
  'double precision',
  'decimal(10,2)',
  'text',
  'varchar(20)',
]
const constraints = [
  'unique',
  'not null',
  "default 'd'",
  'default (1 + 1)',
  'collate nocase',
  'check (length(hex(1)) > 0)',
]

export interface Column {
  readonly name: string
  readonly type: string
  readonly constraint: string
}

export interface Table {
  readonly name: string
  readonly columns: readonly Column[]
  readonly rowid: 'rowid' | 'autoincrement' | 'without rowid'
}

export function table(name: string): fc.Arbitrary<Table> {
  const column = (index: number): fc.Arbitrary<Column> =>
    fc.record({
      name: fc.constant(`c${index}`),
      type: fc.constantFrom(...types),
      constraint: fc.oneof({ weight: 5, arbitrary: fc.constant('') }, fc.constantFrom(...constraints)),
    })
  return fc.record({
    name: fc.constant(name),
    columns: fc.tuple(column(0), column(1), column(2)),
    rowid: fc.constantFrom('rowid', 'autoincrement', 'without rowid'),
  })
}

/** Text affinity turns numbers into text. */
export function isText({ type }: Column): boolean {
  return type === 'text' || type === 'varchar(20)'
}

export function valueFor(column: Column): fc.Arbitrary<ProgramValue> {
  return isText(column) ? shortValue : anyValue
}

export function createTable({ name, columns, rowid }: Table): ProgramStep {
  const id = `id integer primary key ${rowid === 'autoincrement' ? rowid : ''}`
  const all = [id, ...columns.map((each) => `"${each.name}" ${each.type} ${each.constraint}`)]
  return { sql: `create table "${name}" (${all}) ${rowid === 'without rowid' ? rowid : ''}`, parameters: [] }
}

/** A trigger with a semicolon wherever one can be. */
export function createTrigger(on: Table, into: Table): ProgramStep {
  const sql = `create trigger tr after insert on ${on.name} begin
    insert or ignore into ${into.name} (id, c0) values (new.id + 100, ';'); -- one ; two
  end;`
  return { sql, parameters: [] }
}

/** What is stored, with the types. */
export function dump({ name, columns }: Table): ProgramStep {
  const fields = columns.map((each) => `${each.name}, typeof(${each.name})`)
  return { sql: `select id, ${fields.join(', ')} from ${name} order by id`, parameters: [] }
}
