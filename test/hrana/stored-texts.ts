/**
 * The SQL texts that a client has stored under numbers: of one stream over HTTP, of all streams of one WebSocket.
 *
 * @module
 */
import { Buffer } from 'node:buffer'
import { HranaError, ProtocolError } from './protocol.ts'

/** How many texts sqld stores, and how many bytes in each. */
export interface StoreLimits {
  readonly count: number
  readonly bytes: number
}

/** Of one stream. The client counts UTF-16 units instead of bytes. */
export const httpStoreLimits: StoreLimits = { count: 50, bytes: 5_000 }
/** Of one connection. */
export const socketStoreLimits: StoreLimits = { count: 150, bytes: Number.POSITIVE_INFINITY }

export class StoredTexts {
  readonly #limits: StoreLimits
  readonly #texts = new Map<number, string>()

  constructor(limits: StoreLimits) {
    this.#limits = limits
  }

  /** @throws {HranaError} If there are too many, or it is too large. @throws {ProtocolError} If the number is taken. */
  store(id: number, sql: string): void {
    if (this.#texts.has(id)) throw new ProtocolError(`SQL text ${id} already exists`)
    if (this.#texts.size >= this.#limits.count) {
      const message = `The server already stores ${this.#limits.count} SQL texts, it cannot store more`
      throw new HranaError('SQL_STORE_TOO_MANY', message)
    }
    const bytes = Buffer.byteLength(sql)
    if (bytes > this.#limits.bytes) {
      const [is, most] = [bytes, this.#limits.bytes].map((size) => `${(size / 1000).toFixed(1)} KB`)
      const message = `The statement is too large to be stored: ${is}/${most}`
      throw new HranaError('SQL_STORE_TOO_LARGE', message)
    }
    this.#texts.set(id, sql)
  }

  drop(id: number): void {
    this.#texts.delete(id)
  }

  /** @throws {ProtocolError} If there is no such text, or not exactly one of both is given. */
  resolve(source: { readonly sql?: string | null; readonly sql_id?: number | null }): string {
    const { sql, sql_id: id } = source
    if ((typeof sql === 'string') === (typeof id === 'number')) {
      throw new ProtocolError('Either `sql` or `sql_id` are required, but not both')
    }
    const text = typeof sql === 'string' ? sql : this.#texts.get(id as number)
    if (text === undefined) throw new ProtocolError(`SQL text ${id} not found`)
    return text
  }
}
