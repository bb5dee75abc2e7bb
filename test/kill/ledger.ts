/**
 * What the processes of one file were acknowledged, and whether what is stored agrees with it.
 *
 * @module
 */
import { chunkRows, type Found, type Path, seededRows, unitParts, upsertRows } from './messages.ts'

/** Acknowledged writes of all processes of one file. */
export class Ledger {
  /** Numbers by process and path, as `3 batch`. */
  readonly #acknowledged = new Map<string, Set<number>>()
  readonly #running = new Set<number>()
  #isMigrated = false
  #lastEnded = 0

  /** A process writes from now on: what is its own changes while others look. */
  started(writer: number): void {
    this.#running.add(writer)
  }

  /** It has ended, and everything that it said has been noted. */
  ended(writer: number): void {
    this.#running.delete(writer)
    this.#lastEnded = writer
  }

  /** A process that has ended; 0 if none has. */
  get lastEnded(): number {
    return this.#lastEnded
  }

  /** Notes that a process was told that a write is done. */
  note(writer: number, path: Path, n: number): void {
    const key = `${writer} ${path}`
    const numbers = this.#acknowledged.get(key) ?? new Set()
    this.#acknowledged.set(key, numbers.add(n))
  }

  /** What is wrong with what a process found, of those that have ended, as sentences. To be asked as soon as it tells. */
  check(found: Found): string[] {
    const wrong: string[] = []
    if (found.integrity !== 'ok') wrong.push(`integrity_check: ${found.integrity}`)
    if (found.seeded !== seededRows && this.#isMigrated) wrong.push(`${found.seeded} seeded rows`)
    if (found.seeded !== 0) this.#isMigrated = true
    wrong.push(...this.#checkUnits(found))
    wrong.push(...this.#checkChunks(found))
    wrong.push(...this.#checkUsage(found))
    wrong.push(...this.#checkPresence(found))
    return wrong
  }

  /** How much is stored that nobody was told of: a kill fell between COMMIT and the answer. */
  untold(found: Found): number {
    return found.units.filter(({ writer, path, n }) => !this.#of(writer, path).has(n)).length
  }

  #of(writer: number, path: Path): ReadonlySet<number> {
    return this.#acknowledged.get(`${writer} ${path}`) ?? new Set()
  }

  *#all(...paths: Path[]): Generator<{ writer: number; path: Path; n: number }> {
    for (const [key, numbers] of this.#acknowledged) {
      const [writer, path] = key.split(' ') as [string, Path]
      if (!paths.includes(path) || this.#running.has(Number(writer))) continue
      for (const n of numbers) yield { writer: Number(writer), path, n }
    }
  }

  *#checkUnits({ units, counters }: Found): Generator<string> {
    const stored = new Set(units.map(({ writer, path, n }) => `${writer} ${path} ${n}`))
    for (const { writer, path, n } of this.#all('write', 'batch', 'transaction', 'append'))
      if (!stored.has(`${writer} ${path} ${n}`)) yield `lost: ${path} ${n} of ${writer}`
    for (const { writer, path, n, parts, distinctParts } of units) {
      const whole = path === 'batch' || path === 'transaction' ? unitParts : 1
      if (parts > distinctParts) yield `twice: ${path} ${n} of ${writer}, ${parts} rows`
      if (distinctParts !== whole) yield `half: ${path} ${n} of ${writer}, ${distinctParts} parts`
    }
    // One looks, so more than that are siblings.
    if (this.#running.size > 1) return
    for (const path of ['batch', 'transaction'] as const) {
      const count = units.filter((unit) => unit.path === path).length
      if ((counters[path] ?? 0) !== count) yield `counter of ${path}: ${counters[path]}, not ${count}`
    }
  }

  *#checkChunks({ chunks }: Found): Generator<string> {
    const newest = new Map<string, number>()
    for (const { writer, path, n } of this.#all('sliced', 'atomic')) {
      const key = `${writer} ${path}`
      newest.set(key, Math.max(newest.get(key) ?? 0, n))
      if (!chunks.some((chunk) => chunk.writer === writer && chunk.path === path))
        yield `lost: ${path} ${n} of ${writer}`
    }
    const previous = new Map<string, number>()
    for (const { writer, path, chunk, lowest, highest, rows } of chunks) {
      if (this.#running.has(writer)) continue
      const key = `${writer} ${path}`
      const name = `${path} chunk ${chunk} of ${writer}`
      const told = newest.get(key) ?? 0
      const before = previous.get(key)
      previous.set(key, lowest)
      if (rows !== Math.min(chunkRows, upsertRows - chunk * chunkRows) || lowest !== highest)
        yield `half: ${name}, ${rows} rows, versions ${lowest} to ${highest}`
      if (lowest < told) yield `lost: ${name} has version ${lowest}, acknowledged was ${told}`
      // One call at a time, so no more than the one that was being written can be there besides.
      if (highest > told + 1) yield `version ${highest} of ${name}, told ${told}`
      if (path === 'atomic' && before !== undefined && before !== lowest)
        yield `half: ${name} has version ${lowest}, the one before it ${before}`
      if (before !== undefined && before < lowest) yield `out of order: ${name}`
    }
  }

  *#checkUsage({ usage }: Found): Generator<string> {
    const stored = new Map(usage.map(({ key, writer }) => [key, writer]))
    for (const { writer, n } of this.#all('usage')) {
      const by = stored.get(`${writer}:${n}`)
      if (by === undefined) yield `lost: usage ${n} of ${writer}`
      else if (by !== writer) yield `twice: usage ${n} of ${writer} is now of ${by}`
    }
  }

  *#checkPresence({ presence }: Found): Generator<string> {
    const stored = new Map(presence.map(({ key, version }) => [key, version]))
    for (const { writer, n } of this.#all('presence')) {
      for (let key = 0; key < 10; key++) {
        const version = stored.get(`${writer}:${key}`) ?? 0
        if (version < n) yield `lost: presence ${key} of ${writer} is ${version}, acknowledged was ${n}`
      }
    }
  }
}
