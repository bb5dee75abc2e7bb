/**
 * INSERT, UPDATE and DELETE of generated programs.
 *
 * @module
 */
import * as fc from 'fast-check'
import { type ProgramStep, StepBuilder, style } from './step.ts'
import { isText, type Table, valueFor } from './tables.ts'
import { anyValue, shortened } from './values.ts'

const insertVerbs = [
  'insert into',
  'insert into',
  'insert or ignore into',
  'insert or replace into',
  'replace into',
]
const insertTails = [
  '',
  '',
  'on conflict do nothing',
  'on conflict (id) do update set c0 = excluded.c0',
  'returning *, typeof(c1)',
]

export function insert(into: Table): fc.Arbitrary<ProgramStep> {
  const row = fc.record({
    id: fc.option(fc.integer({ min: 1, max: 30 }), { nil: undefined }),
    values: fc.tuple(...into.columns.map(valueFor)),
  })
  const parts = fc.record({
    style,
    rows: fc.array(row, { minLength: 1, maxLength: 3 }),
    verb: fc.constantFrom(...insertVerbs),
    tail: fc.constantFrom(...insertTails),
  })
  return parts.map((part) => {
    const step = new StepBuilder(part.style)
    const rows = part.rows.map(({ id, values }) => {
      const first = id === undefined ? nextId(into) : step.add(['number', String(id)])
      return `(${[first, ...values.map((value) => step.add(value))].join(', ')})`
    })
    const replaces = part.verb.endsWith('replace into') && part.tail.startsWith('on conflict')
    return step.finish(`${part.verb} ${into.name} values ${rows.join(', ')} ${replaces ? '' : part.tail}`)
  })
}

/** The id of a new row; without a rowid nothing gives it one. */
function nextId({ name, rowid }: Table): string {
  return rowid === 'without rowid' ? `(select coalesce(max(id), 0) + 1 from ${name})` : 'null'
}

export function update(of: Table): fc.Arbitrary<ProgramStep> {
  const parts = fc.record({
    style,
    how: fc.constantFrom('set', 'plus', 'concat', 'case'),
    limit: fc.integer({ min: 0, max: 31 }),
    returning: fc.boolean(),
  })
  const change = fc
    .constantFrom(...of.columns)
    .chain((column) => fc.record({ column: fc.constant(column), value: valueFor(column) }))
  return fc.tuple(parts, change).map(([part, { column, value }]) => {
    const { name } = column
    const step = new StepBuilder(part.style)
    const expression = {
      set: () => step.add(value),
      plus: () => (isText(column) ? step.add(value) : `${name} + ${step.add(value)}`),
      concat: () =>
        `case when typeof(${name}) in ('real', 'blob') then 1 else ${name} || ${step.add(shortened(value))} end`,
      case: () => `case when typeof(${name}) = 'integer' then ${step.add(value)} else ${name} end`,
    }[part.how]()
    const where = `id < ${step.add(['number', String(part.limit)])}`
    const returning = part.returning ? `returning id, ${name}` : ''
    return step.finish(`update ${of.name} set ${name} = ${expression} where ${where} ${returning}`)
  })
}

export function remove(from: Table): fc.Arbitrary<ProgramStep> {
  const parts = fc.record({
    style,
    value: anyValue,
    column: fc.constantFrom(...from.columns),
    tail: fc.constantFrom('', 'returning *'),
  })
  return parts.map((part) => {
    const step = new StepBuilder(part.style)
    const least = step.add(isText(part.column) ? shortened(part.value) : part.value)
    return step.finish(`delete from ${from.name} where ${part.column.name} > ${least} ${part.tail}`)
  })
}
