/**
 * The words of Hrana 2 and 3 in JSON, as far as `@libsql/client` speaks them, and the two ways in which a server says no:
 * an error inside of a good answer, and the end of the whole exchange.
 *
 * @module
 */

/** A SQL value as it goes over the wire: integers as text, as JSON has no 64 bits; blobs in base64 without padding. */
export type WireValue =
  | { readonly type: 'null' }
  | { readonly type: 'integer'; readonly value: string }
  | { readonly type: 'float'; readonly value: number | null }
  | { readonly type: 'text'; readonly value: string }
  | { readonly type: 'blob'; readonly base64: string }

/** One statement; its text is given, or was stored under a number. */
export interface WireStatement {
  readonly sql?: string | null
  readonly sql_id?: number | null
  readonly args?: readonly WireValue[]
  readonly named_args?: readonly { readonly name: string; readonly value: WireValue }[]
  readonly want_rows?: boolean
}

/** When a step of a batch runs. */
export type WireCondition =
  | { readonly type: 'ok'; readonly step: number }
  | { readonly type: 'error'; readonly step: number }
  | { readonly type: 'not'; readonly cond: WireCondition }
  | { readonly type: 'and'; readonly conds: readonly WireCondition[] }
  | { readonly type: 'or'; readonly conds: readonly WireCondition[] }
  | { readonly type: 'is_autocommit' }

/** Statements of one request, each with its condition. */
export interface WireBatch {
  readonly steps: readonly { readonly stmt: WireStatement; readonly condition?: WireCondition | null }[]
}

/** What a stream can be asked; over WebSocket it names the stream, over HTTP the baton of the exchange does. */
export type StreamRequest =
  | { readonly type: 'execute'; readonly stmt: WireStatement }
  | { readonly type: 'batch'; readonly batch: WireBatch }
  | { readonly type: 'sequence' | 'describe'; readonly sql?: string | null; readonly sql_id?: number | null }
  | { readonly type: 'store_sql'; readonly sql_id: number; readonly sql: string }
  | { readonly type: 'close_sql'; readonly sql_id: number }
  | { readonly type: 'get_autocommit' | 'close' }

/** What a statement answers. */
export interface StatementResult {
  readonly cols: readonly { readonly name: string; readonly decltype: string | null }[]
  readonly rows: readonly (readonly WireValue[])[]
  readonly affected_row_count: number
  readonly last_insert_rowid: string | null
  readonly replication_index: null
  readonly rows_read: number
  readonly rows_written: number
  readonly query_duration_ms: number
}

export interface WireError {
  readonly message: string
  readonly code: string
}

/** A refusal that the client receives as the error of one request or step; the exchange goes on. */
export class HranaError extends Error {
  override readonly name = 'HranaError'
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }

  toWire(): WireError {
    return { message: this.message, code: this.code }
  }
}

/** The client broke the rules: HTTP answers 400 with the text, a WebSocket is cut, and the stream is gone. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
}

/** The requests that run SQL: what faults are done to and what counts as a round trip. */
export const programTypes: ReadonlySet<string> = new Set(['execute', 'batch', 'sequence', 'describe'])

/**
 * Reads JSON as sqld does, whose parser takes no text with one half of a character in it.
 *
 * @throws {SyntaxError} If it is no JSON, or has such a text.
 */
export function readMessage<T>(text: string): T {
  if (!/\\ud[89a-f]/i.test(text)) return JSON.parse(text) as T
  return JSON.parse(text, (_key, value) => {
    if (typeof value !== 'string' || value.isWellFormed()) return value
    throw new SyntaxError('lone leading surrogate in hex escape')
  }) as T
}
