/**
 * Values between the wire and better-sqlite3, without a change of type or number.
 *
 * @module
 */
import { Buffer } from 'node:buffer'
import { ProtocolError, type WireValue } from './protocol.ts'

/** What better-sqlite3 takes, and answers with its safe integers on. */
export type NativeValue = null | bigint | number | string | Uint8Array

const [least, greatest] = [-(2n ** 63n), 2n ** 63n - 1n]

/** @throws {ProtocolError} If it is none of the five kinds, or no integer of 64 bits. */
export function fromWire(value: WireValue): NativeValue {
  switch (value.type) {
    case 'null':
      return null
    case 'integer':
      return integer(value.value)
    case 'float':
      return value.value
    case 'text':
      return value.value
    case 'blob':
      return Buffer.from(value.base64, 'base64')
    default:
      throw new ProtocolError('Cannot deserialize client message from JSON: unknown variant of value')
  }
}

export function toWire(value: NativeValue): WireValue {
  if (value === null) return { type: 'null' }
  if (typeof value === 'bigint') return { type: 'integer', value: String(value) }
  if (typeof value === 'string') return { type: 'text', value }
  // JSON has no infinity: it leaves as null, from the real server too.
  if (typeof value === 'number') return { type: 'float', value }
  return { type: 'blob', base64: Buffer.from(value).toString('base64').replace(/=+$/, '') }
}

/** How much a value adds to an answer, roughly as the real server counts. */
export function sizeOf(value: NativeValue): number {
  if (typeof value === 'string') return value.length
  return value instanceof Uint8Array ? value.byteLength : 8
}

function integer(text: string): bigint {
  const value = /^-?\d+$/.test(text) ? BigInt(text) : undefined
  if (value !== undefined && value >= least && value <= greatest) return value
  throw new ProtocolError(
    `Cannot deserialize client message from JSON: invalid value: string "${text}", expected decimal integer as a string`,
  )
}
