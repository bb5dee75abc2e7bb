/**
 * The order of writes: one unit at a time has the writer, first come first served. A unit is a statement, or a
 * transaction that keeps the writer from its BEGIN to its COMMIT. Only the head of the queue asks SQLite for the lock,
 * so a process polls once, however many of its callers wait.
 *
 * @module
 */
import type { PatientConnection } from './connection.ts'
import type { AsyncContext } from './connector.ts'
import { OuterWriteError, StorageClosedError, type UnbusyError } from './errors.ts'
import { type Clock, type LockWait, lockTimeout } from './lock-wait.ts'
import { enclosingScope, type TransactionScope } from './transaction-scope.ts'

/** How long the writer may work without giving timers and I/O a turn. */
const maxBurstMs = 5
/** After this long, a write that waits for the idle transaction it was made in is a mistake. */
const outerWriteGraceMs = 1_000

/** What the queue needs of its surroundings. */
export interface WriteQueueHost {
  readonly writer: PatientConnection
  readonly clock: Clock
  readonly context: AsyncContext | undefined
  nextTurn(): Promise<void>
}

interface Unit {
  readonly wait: LockWait
  run(): Promise<void>
  reject(error: unknown): void
  /** Stops the unit's timer and listener; called once, when it starts or is rejected. */
  leave(): void
  /** The sentence for the error when it was made, and awaited, inside the transaction that it waits for. */
  readonly whatIfOuter: string
  isWaiting: boolean
  failedWith?: unknown
}

/** What `close()` could not drain. */
export interface CloseReport {
  /** Queued writes that were rejected because `drainTimeoutMs` was over. */
  readonly rejectedWrites: number
  /** Write transactions that were still open then, and were rolled back. */
  readonly revokedTransactions: number
  /** Reads that were still open then. A stream or read-only transaction may go on; its reader closes when it ends. */
  readonly unfinishedReads: number
}

/** The writer, held by one transaction or session. */
export class WriterLease {
  readonly writer: PatientConnection
  readonly #clock: Clock
  readonly #onRelease: () => void
  readonly heldSinceMs: number
  #running = 0
  #idleSinceMs: number
  /** Set when the storage took the writer back: what comes after is refused with it. */
  revokedBy: UnbusyError | undefined

  constructor(writer: PatientConnection, clock: Clock, onRelease: () => void) {
    this.writer = writer
    this.#clock = clock
    this.#onRelease = onRelease
    this.heldSinceMs = this.#idleSinceMs = clock.now()
  }

  /** Milliseconds since the holder last did something. */
  idleMs(): number {
    return this.#running > 0 ? 0 : this.#clock.now() - this.#idleSinceMs
  }

  async use<T>(work: (writer: PatientConnection) => Promise<T>): Promise<T> {
    if (this.revokedBy !== undefined) throw this.revokedBy
    this.#running++
    try {
      return await work(this.writer)
    } catch (error) {
      throw this.revokedBy ?? error
    } finally {
      this.#running--
      this.#idleSinceMs = this.#clock.now()
    }
  }

  release(): void {
    this.#onRelease()
  }
}

/** Orders everything that writes through one storage. */
export class WriteQueue {
  readonly #host: WriteQueueHost
  #waiting: Unit[] = []
  #head = 0
  #waitingCount = 0
  #running: Unit | undefined
  #lease: WriterLease | undefined
  #isPumping = false
  /** Units have been running since then, and the event loop has not turned. */
  #burstSinceMs: number | undefined
  #closedBy: UnbusyError | undefined
  #onIdle: (() => void)[] = []
  #cancelDeadline: (() => void) | undefined
  #nextDeadlineMs = Number.POSITIVE_INFINITY

  constructor(host: WriteQueueHost) {
    this.#host = host
  }

  /** How many units wait for the writer. */
  get size(): number {
    return this.#waitingCount
  }

  /** Whether something has the writer or waits for it. */
  get isBusy(): boolean {
    return this.#isPumping
  }

  /**
   * Queues one unit of work and answers with its result. What `work` throws rejects this unit alone.
   *
   * @throws {LockTimeoutError} If its turn did not come within the budget.
   * @throws {OuterWriteError} If it was made, and awaited, inside the transaction that it waits for.
   * @throws {StorageClosedError} If the storage is closing.
   */
  add<T>(
    wait: LockWait,
    work: (writer: PatientConnection) => Promise<T>,
    whatIfOuter: string = outerWrite,
  ): Promise<T> {
    if (this.#closedBy !== undefined) return Promise.reject(this.#closedBy)
    if (wait.signal?.aborted) return Promise.reject(wait.signal.reason)
    return new Promise((resolve, reject) => {
      const unit: Unit = {
        wait,
        run: async () => {
          try {
            resolve(await work(this.#host.writer))
          } catch (error) {
            unit.failedWith = error
            reject(error)
          }
        },
        reject,
        leave: noop,
        whatIfOuter,
        isWaiting: true,
      }
      this.#enqueue(unit)
    })
  }

  /** Waits for the writer, prepares it with `take` (which may BEGIN), and leaves it to the caller until released. */
  own(wait: LockWait, take: (writer: PatientConnection) => Promise<void>): Promise<WriterLease> {
    return new Promise((resolve, reject) => {
      this.add(wait, async (writer) => {
        await take(writer)
        await new Promise<void>((release) => {
          this.#lease = new WriterLease(writer, this.#host.clock, release)
          resolve(this.#lease)
        })
        this.#lease = undefined
      }).catch(reject)
    })
  }

  /** Refuses new units from now on. */
  stop(error: UnbusyError): void {
    this.#closedBy ??= error
  }

  /** Resolves once nothing has the writer and nothing waits for it. */
  drained(): Promise<void> {
    if (!this.#isPumping) return Promise.resolve()
    return new Promise((resolve) => {
      this.#onIdle.push(resolve)
    })
  }

  /** Rejects what still waits, a wait for the lock included, takes the writer back from its holder, and drains. */
  async abandon(): Promise<Omit<CloseReport, 'unfinishedReads'>> {
    const error = this.#closedBy ?? new StorageClosedError('Cannot write as the storage is closing')
    const running = this.#running
    const lease = this.#lease
    const waiting = this.#waiting.slice(this.#head).filter((unit) => unit.isWaiting)
    for (const unit of waiting) this.#remove(unit, error)
    if (lease !== undefined) {
      lease.revokedBy = error
      // At once: a COMMIT that waits for readers, as in a journal mode other than WAL, must not succeed any more.
      await lease.writer.rollback()
      lease.release()
    } else if (running !== undefined) {
      running.wait.abandonedBy = error
    }
    await this.drained()
    // What ran at that moment may have come through.
    const rejectedWrites = waiting.length + (running?.failedWith === error ? 1 : 0)
    return { rejectedWrites, revokedTransactions: lease === undefined ? 0 : 1 }
  }

  #enqueue(unit: Unit): void {
    this.#waiting.push(unit)
    this.#waitingCount++
    if (!this.#isPumping) {
      void this.#pump()
      return
    }
    const { signal, deadlineMs } = unit.wait
    const onAbort = (): void => this.#remove(unit, signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    const scope = enclosingScope(this.#host.context, this)
    const cancelWatch = scope === undefined ? noop : this.#watchOuterWrite(unit, scope)
    unit.leave = () => {
      signal?.removeEventListener('abort', onAbort)
      cancelWatch()
    }
    this.#armDeadline(deadlineMs)
  }

  async #pump(): Promise<void> {
    this.#isPumping = true
    for (let unit = this.#shift(); unit !== undefined; unit = this.#shift()) {
      this.#running = unit
      this.#beginBurst()
      await unit.run()
      const burstMs = this.#host.clock.now() - (this.#burstSinceMs ?? Number.POSITIVE_INFINITY)
      if (burstMs >= maxBurstMs) await this.#host.nextTurn()
    }
    this.#running = undefined
    this.#isPumping = false
    this.#disarmDeadline()
    for (const onIdle of this.#onIdle.splice(0)) onIdle()
  }

  /**
   * Synchronous drivers resolve in microtasks: without this, timers, I/O and native finalizers would starve, also while
   * one caller awaits write after write, for each of which the queue is idle.
   */
  #beginBurst(): void {
    if (this.#burstSinceMs !== undefined) return
    this.#burstSinceMs = this.#host.clock.now()
    void this.#host.nextTurn().then(() => {
      this.#burstSinceMs = undefined
    })
  }

  #shift(): Unit | undefined {
    while (this.#head < this.#waiting.length) {
      const unit = this.#waiting[this.#head++] as Unit
      if (!unit.isWaiting) continue
      this.#settle(unit)
      return unit
    }
    this.#waiting = []
    this.#head = 0
    return undefined
  }

  #remove(unit: Unit, error: unknown): void {
    if (!unit.isWaiting) return
    this.#settle(unit)
    unit.reject(error)
  }

  #settle(unit: Unit): void {
    unit.isWaiting = false
    this.#waitingCount--
    unit.leave()
    this.#compact()
  }

  /** Units that ran or were given up are not held on to for as long as others wait. */
  #compact(): void {
    const { length } = this.#waiting
    if (length < 64 || length < 2 * this.#waitingCount) return
    this.#waiting = this.#waiting.slice(this.#head).filter((unit) => unit.isWaiting)
    this.#head = 0
  }

  /** One timer for the whole queue, at the earliest deadline: ten thousand waiting writes must not mean as many timers. */
  #armDeadline(deadlineMs: number): void {
    if (deadlineMs >= this.#nextDeadlineMs || deadlineMs === Number.POSITIVE_INFINITY) return
    this.#disarmDeadline()
    this.#nextDeadlineMs = deadlineMs
    const delayMs = Math.max(0, deadlineMs - this.#host.clock.now())
    this.#cancelDeadline = this.#host.clock.schedule(delayMs, () => this.#expire())
  }

  #disarmDeadline(): void {
    this.#cancelDeadline?.()
    this.#cancelDeadline = undefined
    this.#nextDeadlineMs = Number.POSITIVE_INFINITY
  }

  #expire(): void {
    this.#disarmDeadline()
    const nowMs = this.#host.clock.now()
    let earliestMs = Number.POSITIVE_INFINITY
    for (const unit of this.#waiting.slice(this.#head)) {
      if (!unit.isWaiting) continue
      if (unit.wait.deadlineMs <= nowMs) this.#remove(unit, lockTimeout(unit.wait, this.#whoHolds()))
      else earliestMs = Math.min(earliestMs, unit.wait.deadlineMs)
    }
    this.#armDeadline(earliestMs)
  }

  #whoHolds(): string {
    if (this.#lease === undefined) return 'The writes ahead in the queue did not finish in time'
    const heldMs = Math.round(this.#host.clock.now() - this.#lease.heldSinceMs)
    const idleMs = Math.round(this.#lease.idleMs())
    return `A transaction of this process has held the writer for ${heldMs} ms, idle for the last ${idleMs} ms,`
  }

  #watchOuterWrite(unit: Unit, scope: TransactionScope): () => void {
    let cancel = noop
    const check = (): void => {
      if (!scope.isOpen) return
      const idleMs = scope.idleMs()
      if (idleMs >= outerWriteGraceMs) this.#remove(unit, new OuterWriteError(unit.whatIfOuter))
      else cancel = this.#host.clock.schedule(outerWriteGraceMs - idleMs, check)
    }
    cancel = this.#host.clock.schedule(outerWriteGraceMs, check)
    return () => cancel()
  }
}

const outerWrite =
  'Cannot write through the outer db inside a transaction that waits for this write: use the transaction itself (trx), or do not await the write in there'

function noop(): void {}
