/**
 * The values of generated programs. Where one may become text, a REAL must be a short one and a blob valid UTF-8: what
 * engines make of the others is in `engine-differences.ts`.
 *
 * @module
 */
import * as fc from 'fast-check'

/** A value as JSON can carry it exactly: what it is in JavaScript, and its text, hexadecimal digits or ms. */
export type ProgramValue = readonly [
  kind: 'null' | 'number' | 'bigint' | 'boolean' | 'date' | 'text' | 'blob',
  text: string,
]

const shortReals = ['0.5', '-0.5', '1.5', '-2.25', '100.25', '3.0625', '12345.75']
const longReals = ['0.1', '1e300', '-1e-300', '5e-324', '9007199254740992', '3.141592653589793', '1e21', '-0']
const integers = ['0', '1', '-1', '2', '7', '255', '2147483648', '9007199254740991', '-9007199254740991']
const bigints = ['0', '5', '9007199254740993', '-9007199254740993', `${2n ** 63n - 1n}`, `${-(2n ** 63n)}`]
const texts = [
  '',
  'a',
  'A',
  'ab',
  'ä😀',
  '007',
  '1e3',
  ' 5 ',
  '-0',
  '0x10',
  `${2n ** 63n}`,
  "it's; -- ?",
  '%_',
]

/** As a number it is 0 to some engines and -0 to libSQL's: `engine-differences.ts`. */
const loneMinus = /^\s*-(?!\d|\.\d)/

const numbers = (from: readonly string[]): fc.Arbitrary<ProgramValue> =>
  fc.constantFrom(...from).map((value) => ['number', value])
const text: fc.Arbitrary<ProgramValue> = fc
  .oneof(fc.constantFrom(...texts), fc.string({ unit: 'grapheme', maxLength: 8 }))
  .filter((value) => !value.includes('\0') && !loneMinus.test(value))
  .map((value) => ['text', value])
const blob = (bytes: { readonly min: number; readonly max: number }): fc.Arbitrary<ProgramValue> =>
  fc.uint8Array({ ...bytes, maxLength: 6 }).map((each) => ['blob', Buffer.from(each).toString('hex')])
const exact: fc.Arbitrary<ProgramValue> = fc.oneof(
  fc.constant<ProgramValue>(['null', '']),
  numbers(integers),
  fc.constantFrom(...bigints).map((value): ProgramValue => ['bigint', value]),
  fc.integer().map((value): ProgramValue => ['number', String(value)]),
  fc.boolean().map((value): ProgramValue => ['boolean', String(value)]),
  fc.integer({ min: -1e12, max: 2e12 }).map((value): ProgramValue => ['date', String(value)]),
  text,
)

/** A value that may become text. */
export const shortValue: fc.Arbitrary<ProgramValue> = fc.oneof(
  { weight: 8, arbitrary: exact },
  numbers(shortReals),
  blob({ min: 1, max: 127 }),
)

export const anyValue: fc.Arbitrary<ProgramValue> = fc.oneof(
  { weight: 8, arbitrary: exact },
  numbers(shortReals),
  numbers(longReals),
  blob({ min: 0, max: 255 }),
)

const placeholder: ProgramValue = ['text', 'x']

/** For what becomes text after all, be it only to be compared with some. */
export function shortened(value: ProgramValue): ProgramValue {
  return value[0] === 'blob' || longReals.includes(value[1]) ? placeholder : value
}

/** What the program passes to the storage. */
export function decode([kind, text]: ProgramValue): unknown {
  switch (kind) {
    case 'null':
      return null
    case 'number':
      return Number(text)
    case 'bigint':
      return BigInt(text)
    case 'boolean':
      return text === 'true'
    case 'date':
      return new Date(Number(text))
    case 'blob':
      return Uint8Array.from(text.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16))
    case 'text':
      return text
  }
}

/** What the storage answered: the kind of the value and its exact content. 0 and -0 differ, and so do 1 and 1n. */
export function encode(value: unknown): unknown {
  if (typeof value === 'number') return ['number', Object.is(value, -0) ? '-0' : String(value)]
  if (typeof value === 'bigint') return ['bigint', String(value)]
  if (value instanceof Uint8Array && value.constructor === Uint8Array) {
    return ['blob', Array.from(value).join(' ')]
  }
  return value === null || typeof value === 'string' ? value : ['unexpected', String(value)]
}
