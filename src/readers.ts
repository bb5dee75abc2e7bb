/**
 * The readers of a storage: one standing reader shared by all point reads, and readers of their own, opened on demand,
 * for streams and read-only transactions. In WAL a reader never waits for the writer.
 *
 * @module
 */
import type { PatientConnection } from './connection.ts'
import type { UnbusyError } from './errors.ts'
import type { LockWait } from './lock-wait.ts'
import { ReaderLine } from './readers/reader-line.ts'
import type { Clock } from './time/clock.ts'

/** What the readers need of their surroundings. */
export interface ReadersHost {
  readonly clock: Clock
  readonly maxReaders: number
  /** Starts the budget of one opening. */
  startWait(): LockWait
  open(wait: LockWait): Promise<PatientConnection>
}

/** Opens readers up to a limit and lends them. */
export class Readers {
  readonly #host: ReadersHost
  readonly #idle: PatientConnection[] = []
  readonly #line: ReaderLine
  readonly #pointReads = new Set<LockWait>()
  readonly #openings = new Set<LockWait>()
  #shared: Promise<PatientConnection> | undefined
  /** Readers that are open or being opened, the shared one included. */
  #count = 0
  #lent = 0
  /** Since when each lent reader is, in the order in which they were lent. */
  readonly #lentSinceMs = new Map<PatientConnection, number>()
  /** Called when a read has ended, by those who wait for that. */
  readonly #watchers: (() => void)[] = []
  #closedBy: UnbusyError | undefined

  constructor(host: ReadersHost) {
    this.#host = host
    this.#line = new ReaderLine(host.clock, `All ${host.maxReaders} readers stayed in use (maxReaders)`)
  }

  get count(): number {
    return this.#count
  }

  /** Point reads, streams and read-only transactions that have not ended. */
  get unfinished(): number {
    return this.#lent + this.#pointReads.size
  }

  /** Since when a stream or read-only transaction has been open, the oldest of them; `undefined` if there is none. */
  get oldestSinceMs(): number | undefined {
    const [sinceMs] = this.#lentSinceMs.values()
    return sinceMs
  }

  /** Runs a point read on the standing reader. */
  async read<T>(wait: LockWait, work: (reader: PatientConnection) => Promise<T>): Promise<T> {
    this.#pointReads.add(wait)
    try {
      return await work(await this.#standing())
    } finally {
      this.#pointReads.delete(wait)
      this.#noteEnd()
    }
  }

  /** A reader of one's own, or `undefined` at the limit. Give it back with {@linkcode Readers.giveBack}. */
  tryBorrow(): Promise<PatientConnection> | undefined {
    const reader = this.#idle.pop()
    if (reader === undefined && this.#count >= this.#limit()) return undefined
    this.#lent++
    if (reader !== undefined) return Promise.resolve(this.#lend(reader))
    return this.#open().then(this.#lend, (error) => {
      this.#lent--
      this.#serveNext()
      throw error
    })
  }

  /**
   * A reader of one's own; at the limit the next one that comes back.
   *
   * @throws {LockTimeoutError} If none came back within the budget.
   */
  borrow(wait: LockWait): Promise<PatientConnection> {
    const reader = this.tryBorrow()
    if (reader !== undefined) return reader
    return this.#closedBy === undefined ? this.#line.wait(wait) : Promise.reject(this.#closedBy)
  }

  giveBack(reader: PatientConnection): void {
    this.#lentSinceMs.delete(reader)
    if (this.#closedBy === undefined) this.#idle.push(reader)
    else void this.#closeOne(reader)
    this.#lent--
    this.#serveNext()
  }

  /** Resolves once nothing reads. */
  unused(): Promise<void> {
    return this.#until(() => this.unfinished === 0)
  }

  /** Refuses from now on, and closes what is not lent; a reader that comes back later is closed then. */
  async close(error: UnbusyError): Promise<void> {
    this.#closedBy ??= error
    for (const wait of [...this.#pointReads, ...this.#openings]) wait.abandonedBy = error
    this.#line.rejectAll(error)
    await this.#until(() => this.#pointReads.size === 0)
    const shared = await this.#shared?.catch(() => undefined)
    this.#shared = undefined
    if (shared !== undefined) this.#idle.push(shared)
    for (const reader of this.#idle.splice(0)) await this.#closeOne(reader)
  }

  readonly #lend = (reader: PatientConnection): PatientConnection => {
    this.#lentSinceMs.set(reader, this.#host.clock.now())
    return reader
  }

  #standing(): Promise<PatientConnection> {
    this.#shared ??= this.#open().catch((error) => {
      this.#shared = undefined
      throw error
    })
    return this.#shared
  }

  /** One place is kept for the shared reader, so that point reads never wait for streams. */
  #limit(): number {
    return this.#shared === undefined ? this.#host.maxReaders - 1 : this.#host.maxReaders
  }

  async #open(): Promise<PatientConnection> {
    if (this.#closedBy !== undefined) throw this.#closedBy
    const wait = this.#host.startWait()
    this.#openings.add(wait)
    this.#count++
    try {
      return await this.#host.open(wait)
    } catch (error) {
      this.#count--
      throw error
    } finally {
      this.#openings.delete(wait)
    }
  }

  async #closeOne(reader: PatientConnection): Promise<void> {
    this.#count--
    await reader.close()
  }

  /** A reader came back, or a place came free as one could not be opened. */
  #serveNext(): void {
    const reader = this.#line.isEmpty ? undefined : this.tryBorrow()
    if (reader === undefined) this.#noteEnd()
    else this.#line.serveFirst(reader)
  }

  #until(isContent: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (isContent()) resolve()
      }
      this.#watchers.push(look)
      look()
    })
  }

  #noteEnd(): void {
    for (const look of this.#watchers) look()
  }
}
