/**
 * SELECTs of generated programs: rows with any expressions, and aggregates.
 *
 * @module
 */
import * as fc from 'fast-check'
import { type ProgramStep, StepBuilder, style } from './step.ts'
import { isText, type Table } from './tables.ts'
import { anyValue, type ProgramValue, shortened, shortValue } from './values.ts'

/** `A` and `B` stand for parameters, `C` for a column. */
const expressions = [
  'A',
  'C',
  'A = C',
  'C is not A',
  'C < A',
  'typeof(C)',
  'typeof(A)',
  'coalesce(C, A)',
  'C between A and B',
  'C in (A, B)',
  'case C when A then B else C end',
  'typeof(A + B)',
  'A / B',
  'A % B',
  'A * C',
  '-A',
  'not A',
  'A & B | 1',
  'A << 3',
  "abs(case typeof(A) when 'integer' then null else A end) + 0.0",
  'round(A, 1) + 0.0',
  'max(A, B)',
  'min(A, C)',
  "length(case typeof(C) when 'real' then null else C end)",
  'nullif(A, B)',
  'cast(A as integer)',
  'cast(C as real) + 0.0',
  'cast(A as numeric)',
  "hex(case typeof(C) when 'real' then null else C end)",
  "instr(case typeof(C) when 'real' then null else C end, 'a')",
  'iif(C is null, A, B)',
]

/** Here the parameters may become text. */
const textExpressions = [
  'A || B',
  'upper(A)',
  'substr(A, 2, 3)',
  "replace(A, 'a', B)",
  'trim(A)',
  'cast(A as text)',
  'cast(A as blob)',
  'hex(A)',
  'unicode(A)',
  "json_array(case typeof(A) when 'blob' then null else A end)",
  "json_object('a', case typeof(A) when 'blob' then null else A end)",
  "quote(case typeof(A) when 'real' then null else A end)",
  "upper(A) glob '*A*'",
  'length(A)',
]

const aggregates = [
  'count(*)',
  'count(c0)',
  'min(c0)',
  'max(c1)',
  'total(c2)',
  'avg(c0)',
  'count(distinct c1)',
  'min(id)',
]

export function select(from: Table): fc.Arbitrary<ProgramStep> {
  const column = fc.constantFrom(...from.columns)
  const field = fc.oneof(
    fc.record({ template: fc.constantFrom(...expressions), a: anyValue, b: anyValue, column }),
    fc.record({ template: fc.constantFrom(...textExpressions), a: shortValue, b: shortValue, column }),
  )
  const parts = fc.record({
    style,
    fields: fc.array(field, { minLength: 1, maxLength: 4 }),
    chunkSize: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
    isCompound: fc.boolean(),
  })
  return parts.map((part) => {
    const step = new StepBuilder(part.style)
    const fields = part.fields.map(({ template, a, b, column: each }, index) => {
      const add = (value: ProgramValue): string => step.add(isText(each) ? shortened(value) : value)
      const put = (letter: string): string => (letter === 'C' ? each.name : add(letter === 'A' ? a : b))
      return `${template.replace(/\b[ABC]\b/g, put)} as f${index}`
    })
    const [head, source] = part.isCompound ? [`with x as (select * from ${from.name})`, 'x'] : ['', from.name]
    const finished = step.finish(`${head} select ${fields.join(', ')} from ${source} order by id`)
    return part.chunkSize === undefined ? finished : { ...finished, chunkSize: part.chunkSize }
  })
}

export function aggregate(from: Table): fc.Arbitrary<ProgramStep> {
  return fc
    .subarray(aggregates, { minLength: 1 })
    .map((fields) => ({ sql: `select ${fields.join(', ')} from ${from.name} where id > 0`, parameters: [] }))
}
