/**
 * The streams of HTTP between two requests: found again by a baton that is good once, and lost after a while.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import { ProtocolError } from './protocol.ts'
import type { Stream } from './stream.ts'

/** A baton whose stream was closed for idleness: the one refusal that is told in JSON. */
export class StreamExpired extends Error {
  override readonly name = 'StreamExpired'
}

interface Entry {
  readonly stream: Stream
  readonly timer: NodeJS.Timeout
}

export class BatonTable {
  readonly #idleMs: number
  readonly #entries = new Map<string, Entry>()
  readonly #expired = new Set<string>()
  readonly #used = new Map<string, Stream>()

  /** @param idleMs After which time without a request a stream is closed, in milliseconds. sqld: 10 s. */
  constructor(idleMs: number) {
    this.#idleMs = idleMs
  }

  /** Keeps the stream until its next request, which must come with the baton that this answers. */
  put(stream: Stream): string {
    const baton = randomBytes(24).toString('base64')
    const timer = setTimeout(() => this.expire(baton), this.#idleMs)
    this.#entries.set(baton, { stream, timer })
    return baton
  }

  /** @throws {ProtocolError} If there never was such a baton, or it was used. @throws {StreamExpired} */
  take(baton: string): Stream {
    const entry = this.#entries.get(baton)
    if (entry !== undefined) {
      clearTimeout(entry.timer)
      this.#entries.delete(baton)
      this.#used.set(baton, entry.stream)
      return entry.stream
    }
    if (this.#expired.has(baton)) throw new StreamExpired('The stream has expired due to inactivity')
    const isUsed = this.#used.get(baton)?.isClosed === false
    throw new ProtocolError(
      isUsed ? 'Received a baton that has already been used' : 'Received an invalid baton',
    )
  }

  /** Closes the stream as if it had been idle for too long. */
  expire(baton: string): void {
    const entry = this.#entries.get(baton)
    if (entry === undefined) return
    clearTimeout(entry.timer)
    this.#entries.delete(baton)
    this.#expired.add(baton)
    entry.stream.close()
  }

  /** Knows no baton any more, as after a restart. */
  forget(): void {
    for (const { stream, timer } of this.#entries.values()) {
      clearTimeout(timer)
      stream.close()
    }
    this.#entries.clear()
    this.#expired.clear()
    this.#used.clear()
  }
}
