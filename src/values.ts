/**
 * One codec for the values of all drivers (contract C8): what a program binds is stored the same everywhere, and what
 * it reads is the same everywhere. Drivers alone disagree: 5 binds as REAL on three of them, 2^53 + 1 reads back
 * rounded on two, a Date is NULL on one.
 *
 * @module
 */
import { InvalidStatementError } from './errors.ts'

/** What reaches a driver: the five storage classes, integers as bigint so that every driver binds INTEGER. */
export type BoundValue = null | number | bigint | string | Uint8Array

/** What a row holds. */
export type SqlValue = null | number | bigint | string | Uint8Array
export type Row = Record<string, SqlValue>

/**
 * How integers are read: `auto` gives a number within 2^53 and a bigint beyond, `bigint` always a bigint, `strict` a
 * number or an error.
 */
export type IntegerReading = 'auto' | 'bigint' | 'strict'

/** How integral numbers are bound: as INTEGER on every driver, or as the driver alone would. */
export type IntegerBinding = 'integer' | 'driver'

const minInt64 = -(2n ** 63n)
const maxInt64 = 2n ** 63n - 1n

/**
 * Encodes the parameters of one statement.
 *
 * @throws {InvalidStatementError} If a value cannot be stored exactly, naming its position and type, never the value.
 */
export function encodeParameters(values: readonly unknown[], integers: IntegerBinding): BoundValue[] {
  const bound = new Array<BoundValue>(values.length)
  for (let index = 0; index < values.length; index++)
    bound[index] = encodeValue(values[index], index, integers)
  return bound
}

/**
 * Encodes one value.
 *
 * @param place What an error calls it: the index of a parameter, or words.
 * @throws {InvalidStatementError} If it cannot be stored exactly.
 */
export function encodeValue(value: unknown, place: number | string, integers: IntegerBinding): BoundValue {
  switch (typeof value) {
    case 'string':
      // The C API cuts such text at the first NUL on some drivers, in SQL functions on all.
      if (value.includes('\0')) throw refused(place, 'text with U+0000', 'a Uint8Array keeps such bytes')
      return value
    case 'number':
      if (Number.isSafeInteger(value)) return integers === 'integer' ? BigInt(value) : value
      if (!Number.isFinite(value)) throw refused(place, String(value), 'it must be a finite number or null')
      return value
    case 'bigint':
      if (value < minInt64 || value > maxInt64)
        throw refused(place, 'a bigint beyond 64 bits', 'SQLite cannot hold it')
      return value
    case 'boolean':
      return encodeValue(Number(value), place, integers)
    case 'undefined':
      throw refused(place, 'undefined', 'NULL is written as null')
    case 'object':
      return value === null ? null : encodeObject(value, place, integers)
    default:
      throw refused(place, `a ${typeof value}`, 'SQLite has no such value')
  }
}

function encodeObject(value: object, place: number | string, integers: IntegerBinding): BoundValue {
  // A Buffer is passed on as a plain view: drivers differ in what they make of subclasses.
  if (value instanceof Uint8Array) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  if (value instanceof ArrayBuffer) return new Uint8Array(value)
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw refused(place, 'an invalid Date', 'it has no time to store')
    return encodeValue(value.getTime(), place, integers)
  }
  const kind = Array.isArray(value) ? 'an array' : 'an object'
  throw refused(place, kind, 'bind its JSON, which json_each() reads')
}

function refused(place: number | string, what: string, hint: string): InvalidStatementError {
  const name = typeof place === 'number' ? `parameter ${place + 1}` : place
  return new InvalidStatementError(`Cannot bind ${name} as it is ${what}: ${hint}`)
}

/**
 * Normalizes rows that a driver read: plain objects, blobs as Uint8Array, integers by `reading`.
 *
 * @param exact Whether the driver read every integer exactly, as bigint.
 * @returns The rows, or `undefined` if an integer may have been rounded and the rows must be read again exactly.
 * @throws {RangeError} If `reading` is `strict` and an integer is beyond 2^53.
 */
export function normalizeRows(rows: Row[], exact: boolean, reading: IntegerReading): Row[] | undefined {
  for (let index = 0; index < rows.length; index++) {
    let row = rows[index] as Row
    // node:sqlite gives rows without a prototype, which `toEqual` and `instanceof Object` treat as another thing.
    if (Object.getPrototypeOf(row) !== Object.prototype) row = rows[index] = { ...row }
    for (const column in row) {
      const value = row[column] as SqlValue
      if (typeof value === 'number') {
        if (!exact && !Number.isSafeInteger(value) && Number.isInteger(value)) return undefined
      } else if (typeof value === 'bigint') {
        row[column] = readInteger(value, column, reading)
      } else if (typeof value === 'object' && value !== null) {
        row[column] = toUint8Array(value)
      }
    }
  }
  return rows
}

function readInteger(value: bigint, column: string, reading: IntegerReading): number | bigint {
  if (reading === 'bigint') return value
  if (value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER) return Number(value)
  if (reading === 'auto') return value
  throw new RangeError(`Cannot read column ${column} as a number as its integer is beyond 2^53`)
}

function toUint8Array(blob: Uint8Array | ArrayBuffer): Uint8Array {
  if (blob instanceof ArrayBuffer) return new Uint8Array(blob)
  if (blob.constructor === Uint8Array) return blob
  return new Uint8Array(blob.buffer, blob.byteOffset, blob.byteLength)
}
