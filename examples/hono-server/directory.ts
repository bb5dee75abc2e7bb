/**
 * Who is known: a bounded memory of machines or sessions, so that a heartbeat needs no look at the database. The database
 * stays the truth: its guards decide what is stored, and what they refuse is learned here.
 *
 * @module
 */

/** A sign of life. */
export interface Sighting {
  readonly id: string
  /** In ms since the epoch. */
  readonly time: number
  /** Absent: as before. */
  readonly thinking?: boolean | null | undefined
}

/** What is remembered of one that is known. */
export interface DirectoryEntry {
  readonly isClosed: boolean
  /** The last sign of life that was taken in, stored or not; undefined if there was none since it became known. */
  readonly seenAtMs: number | undefined
  /** When it was last seen by what is stored, as far as is known here. */
  readonly storedAtMs: number
  /** Whether that was its goodbye. */
  readonly hasLeft: boolean
  readonly thinking: boolean
}

/** How much a directory remembers. */
export interface DirectoryOptions {
  /** Ids at most, of known and of unknown ones each; the one that was not asked for longest is forgotten. @default {100_000} */
  readonly capacity?: number
  /** How long an id counts as unknown before it is looked up again, in milliseconds. @default {1_000} */
  readonly unknownForMs?: number
}

/** Remembers. */
export class Directory {
  readonly #capacity: number
  readonly #unknownForMs: number
  readonly #entries = new Map<string, DirectoryEntry>()
  readonly #unknownUntilMs = new Map<string, number>()

  constructor({ capacity = 100_000, unknownForMs = 1_000 }: DirectoryOptions = {}) {
    this.#capacity = capacity
    this.#unknownForMs = unknownForMs
  }

  /** Known ids. */
  get size(): number {
    return this.#entries.size
  }

  get(id: string): DirectoryEntry | undefined {
    return this.#entries.get(id)
  }

  /** Whether it has to be looked up: neither known, nor known a moment ago to be unknown. */
  isMissing(id: string, nowMs: number): boolean {
    const untilMs = this.#unknownUntilMs.get(id) ?? 0
    // Later than it can be: the clock went back since.
    const isStale = untilMs <= nowMs || untilMs > nowMs + this.#unknownForMs
    return !this.#entries.has(id) && isStale
  }

  /** A row was read or written. What has closed stays so: the row may have been read before that. */
  learn(id: string, isClosed: boolean, storedAtMs: number): void {
    // One in the future is of a clock that is ahead, or went back since, and is brought back to now before long.
    const atMs = Math.min(storedAtMs, Date.now())
    const entry = { ...(this.#entries.get(id) ?? unseen), storedAtMs: atMs }
    this.#put(id, isClosed && !entry.isClosed ? { ...entry, isClosed, thinking: false } : entry)
    this.#unknownUntilMs.delete(id)
  }

  /** It was looked up and is not there. It may be created by another server at any time, so this is soon forgotten. */
  learnUnknown(id: string, nowMs: number): void {
    if (this.#entries.has(id)) return
    this.#unknownUntilMs.delete(id)
    this.#unknownUntilMs.set(id, nowMs + this.#unknownForMs)
    forgetFirst(this.#unknownUntilMs, this.#capacity)
  }

  /** Whether a sign of life says something new: the last one is older, there was none, or it has left since. */
  isNews(id: string, time: number): boolean {
    const { seenAtMs = -1, storedAtMs, hasLeft } = this.#entries.get(id) ?? unseen
    return storedAtMs <= time && (seenAtMs < time || (seenAtMs === time && hasLeft))
  }

  /** A sign of life was taken in that is news. Not every one tells everything: what it does not say is as it was. */
  see({ id, time, thinking }: Sighting): DirectoryEntry {
    const entry = this.#entries.get(id) ?? unseen
    const seen = {
      ...entry,
      seenAtMs: time,
      hasLeft: false,
      thinking: thinking ?? entry.thinking,
    }
    this.#put(id, seen)
    return seen
  }

  /** It said goodbye. */
  leave(id: string, time: number): void {
    const entry = this.#entries.get(id) ?? unseen
    this.#put(id, { ...entry, seenAtMs: time, hasLeft: true, thinking: false })
  }

  /** It fell silent: reads show what is stored from now on. */
  silence(id: string): void {
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    this.#entries.set(id, { ...unseen, isClosed: entry.isClosed })
  }

  /** It is gone from the database. */
  forget(id: string): void {
    this.#entries.delete(id)
  }

  #put(id: string, entry: DirectoryEntry): void {
    // Behind all others: a Map keeps the order of insertion.
    this.#entries.delete(id)
    this.#entries.set(id, entry)
    forgetFirst(this.#entries, this.#capacity)
  }
}

const unseen: DirectoryEntry = {
  isClosed: false,
  seenAtMs: undefined,
  storedAtMs: -1,
  hasLeft: false,
  thinking: false,
}

function forgetFirst(map: Map<string, unknown>, capacity: number): void {
  if (map.size <= capacity) return
  const [first] = map.keys()
  if (first !== undefined) map.delete(first)
}
