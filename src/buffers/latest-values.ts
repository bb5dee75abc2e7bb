/**
 * The data of a coalescing buffer: one value per key that waits, and those that a flush has in its hands. What a flush
 * gives back goes before what was set since, so nothing older ever takes the place of something newer (contract C12).
 *
 * @module
 */
import type { HeldEntries } from './plan.ts'

/** A value, and since when something of it waits. */
export interface LatestEntry<Key, Value> {
  readonly key: Key
  readonly value: Value
  /** The number of the oldest value in it. */
  readonly since: number
}

type Entries<Key, Value> = Map<Key, LatestEntry<Key, Value>>

/** Holds values that are not written. */
export class LatestValues<Key, Value> implements HeldEntries<LatestEntry<Key, Value>> {
  readonly #merge: (older: Value, newer: Value) => Value
  readonly #onClash: (older: Value, error: unknown) => void
  #waiting: Entries<Key, Value> = new Map()
  /** Leaves when it is committed or given up, or goes back to `#waiting`. */
  #inFlight: Entries<Key, Value> = new Map()
  /** Keys in both. */
  #overlap = 0

  /** @param onClash Told of a value that cannot be merged with the one that came after it, which stays. */
  constructor(merge: (older: Value, newer: Value) => Value, onClash: (older: Value, error: unknown) => void) {
    this.#merge = merge
    this.#onClash = onClash
  }

  /** Keys that are held. */
  get size(): number {
    return this.#waiting.size + this.#inFlight.size - this.#overlap
  }

  /** Keys that wait for a flush. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** The number of the oldest value that is held; Infinity if there is none. */
  get oldest(): number {
    let oldest = Number.POSITIVE_INFINITY
    for (const entries of [this.#inFlight, this.#waiting])
      for (const { since } of entries.values()) if (since < oldest) oldest = since
    return oldest
  }

  has(key: Key): boolean {
    return this.#waiting.has(key) || this.#inFlight.has(key)
  }

  get(key: Key): Value | undefined {
    const newer = this.#waiting.get(key)
    const older = this.#inFlight.get(key)
    if (newer === undefined || older === undefined) return (newer ?? older)?.value
    return this.#merge(older.value, newer.value)
  }

  /** Puts a value in, merged with the one that waits. */
  set(key: Key, value: Value, sequence: number): void {
    const older = this.#waiting.get(key)
    if (older !== undefined) {
      this.#waiting.set(key, { key, value: this.#merge(older.value, value), since: older.since })
      return
    }
    this.#waiting.set(key, { key, value, since: sequence })
    if (this.#inFlight.has(key)) this.#overlap++
  }

  delete(key: Key): boolean {
    const inFlight = this.#inFlight.get(key)
    const isLanded = inFlight !== undefined && this.land(inFlight)
    return this.#waiting.delete(key) || isLanded
  }

  /** Hands everything that waits to a flush. */
  takeOff(): LatestEntry<Key, Value>[] {
    this.#inFlight = this.#waiting
    this.#waiting = new Map()
    return [...this.#inFlight.values()]
  }

  isInFlight({ key }: LatestEntry<Key, Value>): boolean {
    return this.#inFlight.has(key)
  }

  /** It is committed or given up. Answers whether it was still wanted. */
  land({ key }: LatestEntry<Key, Value>): boolean {
    if (!this.#inFlight.delete(key)) return false
    if (this.#waiting.has(key)) this.#overlap--
    return true
  }

  /** Takes back what a flush did not write. */
  turnBack(): void {
    if (this.#inFlight.size === 0) return
    const restored: Entries<Key, Value> = new Map()
    for (const older of this.#inFlight.values()) {
      const newer = this.#waiting.get(older.key)
      restored.set(older.key, newer === undefined ? older : this.#mergeBack(older, newer))
    }
    for (const [key, entry] of this.#waiting) if (!restored.has(key)) restored.set(key, entry)
    this.#inFlight = new Map()
    this.#waiting = restored
    this.#overlap = 0
  }

  /** Takes out the key that waits longest. Of what is in flight nothing can be taken. */
  shift(): LatestEntry<Key, Value> | undefined {
    for (const entry of this.#waiting.values()) {
      if (this.#inFlight.has(entry.key)) continue
      this.#waiting.delete(entry.key)
      return entry
    }
    return undefined
  }

  #mergeBack(older: LatestEntry<Key, Value>, newer: LatestEntry<Key, Value>): LatestEntry<Key, Value> {
    try {
      return { ...older, value: this.#merge(older.value, newer.value) }
    } catch (error) {
      this.#onClash(older.value, error)
      return newer
    }
  }
}
