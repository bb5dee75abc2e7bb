/**
 * The order of writes: one unit at a time has the writer, first come first served. A unit is a statement, or a
 * transaction that keeps the writer from its BEGIN to its COMMIT. Only the head of the queue asks SQLite for the lock,
 * so a process polls once, however many of its callers wait.
 *
 * @module
 */
import type { PatientConnection } from './connection.ts'
import type { AsyncContext } from './connector.ts'
import { EarliestTimer } from './earliest-timer.ts'
import { OuterWriteError, StorageClosedError, type UnbusyError } from './errors.ts'
import { type Clock, type LockWait, lockTimeout } from './lock-wait.ts'
import { enclosingScope, whenIdle } from './transaction-scope.ts'
import { WriterLease } from './writer-lease.ts'

/** How long the writer may work without giving timers and I/O a turn. */
const maxBurstMs = 5

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

/** What a queue that was abandoned had not finished. */
export interface UnfinishedWrites {
  /** Queued writes that were rejected because `drainTimeoutMs` was over. */
  readonly rejectedWrites: number
  /** Write transactions that were still open then, and were rolled back. */
  readonly revokedTransactions: number
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
  readonly #deadline: EarliestTimer

  constructor(host: WriteQueueHost) {
    this.#host = host
    this.#deadline = new EarliestTimer(host.clock, () => this.#expire())
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
  async abandon(): Promise<UnfinishedWrites> {
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
    const refuse = (): void => this.#remove(unit, new OuterWriteError(unit.whatIfOuter))
    const cancelWatch = scope === undefined ? noop : whenIdle(this.#host.clock, scope, refuse)
    unit.leave = () => {
      signal?.removeEventListener('abort', onAbort)
      cancelWatch()
    }
    this.#deadline.arm(deadlineMs)
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
    this.#deadline.disarm()
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

  #expire(): void {
    const nowMs = this.#host.clock.now()
    let earliestMs = Number.POSITIVE_INFINITY
    for (const unit of this.#waiting.slice(this.#head)) {
      if (!unit.isWaiting) continue
      if (unit.wait.deadlineMs <= nowMs) this.#remove(unit, lockTimeout(unit.wait, this.#whoHolds()))
      else earliestMs = Math.min(earliestMs, unit.wait.deadlineMs)
    }
    this.#deadline.arm(earliestMs)
  }

  #whoHolds(): string {
    if (this.#lease === undefined) return 'The writes ahead in the queue did not finish in time'
    const heldMs = Math.round(this.#host.clock.now() - this.#lease.heldSinceMs)
    const idleMs = Math.round(this.#lease.idleMs())
    return `A transaction of this process has held the writer for ${heldMs} ms, idle for the last ${idleMs} ms,`
  }
}

const outerWrite =
  'Cannot write through the outer db inside a transaction that waits for this write: use the transaction itself (trx), or do not await the write in there'

function noop(): void {}
