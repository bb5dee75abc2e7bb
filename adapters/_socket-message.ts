/**
 * The greatest message of a WebSocket: a server cuts the connection of who sends a longer one, without a word. So it is
 * refused here, before anything is sent: nobody would know what became of it, and nobody could tell that smaller ones pass.
 *
 * @module
 */
import { InvalidStatementError } from '../src/errors.ts'
import { type RemoteStatement, storedSqlLimit } from './_libsql-remote-statement.ts'

/** As sqld takes it. */
const maxBytes = 16 * 2 ** 20
/** The words of the protocol around a statement, and around a value, are fewer. */
const bytesAround = 200
const bytesAroundValue = 50
/** Of a character in JSON, at the most: a control character is `\u0001`. */
const bytesOfCharacter = 6

/** @throws {InvalidStatementError} If the statements are too long for one message; nothing was sent. */
export function checkMessage(statements: readonly RemoteStatement[]): void {
  // To look at each character takes longer than to send it, and is seldom needed.
  if (bytesOf(statements, (text) => text.length * bytesOfCharacter) <= maxBytes) return
  const encoder = new TextEncoder()
  const bytes = bytesOf(statements, (text) => encoder.encode(JSON.stringify(text)).length)
  if (bytes <= maxBytes) return
  const limit = 'a server takes 16 MiB over a WebSocket: write less at a time, or use http: or https:'
  throw new InvalidStatementError(`Cannot send a request of ${Math.ceil(bytes / 2 ** 20)} MiB as ${limit}`)
}

function bytesOf(statements: readonly RemoteStatement[], bytesOfText: (text: string) => number): number {
  // The client sends a text again as a number, unless it is a long one.
  const texts = new Set<string>()
  let bytes = 0
  for (const { sql, args } of statements) {
    bytes += bytesAround
    if (sql.length >= storedSqlLimit || !texts.has(sql)) bytes += bytesOfText(sql)
    texts.add(sql)
    for (const value of args) {
      bytes += bytesAroundValue
      if (typeof value === 'string') bytes += bytesOfText(value)
      else if (value instanceof Uint8Array) bytes += Math.ceil((value.length * 4) / 3)
    }
  }
  return bytes
}
