/**
 * The idempotency keys of a buffer's flushes, where the answer of a write can get lost (contracts C12 and C16). What may
 * be stored goes again as it went, with nothing added and under the same key, until the database says what became of it.
 *
 * @module
 */
import { OutcomeUnknownError, SqliteError } from '../errors.ts'

/** Entries whose write may be committed, as its answer was lost. */
interface UnsureFlush {
  readonly key: string
  readonly first: number
  readonly last: number
}

/** Gives each flush its key. */
export class FlushKeys<Entry> {
  readonly #newKey: () => string
  readonly #numberOf: ((entry: Entry) => number) | undefined
  #key = ''
  #unsure: UnsureFlush | undefined

  /**
   * @param numberOf Where entries never change. Without it every try has a new key, as values may have been merged into
   *   the entries since the last.
   */
  constructor(newKey: () => string, numberOf: ((entry: Entry) => number) | undefined) {
    this.#newKey = newKey
    this.#numberOf = numberOf
  }

  /** The key under which these entries are written. */
  keyOf(entries: readonly Entry[]): string {
    this.#key = this.#isUnsure(entries) ? (this.#unsure?.key ?? '') : this.#newKey()
    return this.#key
  }

  /** To be told how the write of these entries ended. */
  noteEnd(entries: readonly Entry[], error?: unknown): void {
    const wasUnsure = this.#isUnsure(entries)
    if (error instanceof OutcomeUnknownError && this.#numberOf !== undefined) {
      const [first, last] = [entries[0], entries.at(-1)] as [Entry, Entry]
      this.#unsure = { key: this.#key, first: this.#numberOf(first), last: this.#numberOf(last) }
    } else if (wasUnsure && (error === undefined || error instanceof SqliteError)) {
      // Stored, or refused by the database itself: an earlier try had not stored it either.
      this.#unsure = undefined
    }
  }

  /** How many entries the next flush may take at most, if the oldest has this number. */
  countOf(maxCount: number, oldest: number): number {
    if (this.#unsure === undefined) return maxCount
    const { first, last } = this.#unsure
    if (oldest > last) {
      this.#unsure = undefined
      return maxCount
    }
    return Math.min(maxCount, (oldest < first ? first : last + 1) - oldest)
  }

  #isUnsure(entries: readonly Entry[]): boolean {
    const last = entries.at(-1)
    if (last === undefined || this.#unsure === undefined) return false
    return this.#numberOf?.(last) === this.#unsure.last
  }
}
