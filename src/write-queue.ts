/**
 * The order of writes: one writer, three lanes, groups (contracts C5 and C7). Only the queue asks SQLite for the lock, so
 * a process polls once, however many of its callers wait.
 *
 * @module
 */
import type { TryBatch } from './batch-group.ts'
import type { PatientConnection } from './connection.ts'
import { ConnectionLease } from './connection-lease.ts'
import type { AsyncContext, StatementResult } from './connector.ts'
import { QueueFullError, StorageClosedError, type UnbusyError } from './errors.ts'
import type { Lane } from './lanes.ts'
import { type Clock, type LockWait, whatWasWaitedFor } from './lock-wait.ts'
import type { RoutedStatement } from './statement.ts'
import { WaitingUnits } from './waiting-units.ts'
import { type ExclusiveWork, WriteUnit } from './write-unit.ts'
import { WriterPump } from './writer-pump.ts'

/** What the queue needs of its surroundings. */
export interface WriteQueueHost {
  readonly writer: PatientConnection
  readonly clock: Clock
  readonly context: AsyncContext | undefined
  readonly maxQueuedWrites: number
  /** How groups are run where {@linkcode DirectConnection.executesBatches}. */
  readonly tryBatch: TryBatch | undefined
  /** Whether the writer may see schemas other than main. */
  readonly hasOtherSchemas: () => boolean
  nextTurn(): Promise<void>
  /** Called when the writer was used and is free again, outside any transaction. Must be cheap and must not throw. */
  onCycle(): void
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
  readonly #waiting: WaitingUnits
  readonly #pump: WriterPump
  readonly #lockWait: LockWait
  #lease: ConnectionLease | undefined
  #closedBy: UnbusyError | undefined
  #keptBackUntil: Promise<void> | undefined

  constructor(host: WriteQueueHost) {
    this.#host = host
    const { writer, clock, context } = host
    const pump = (): WriterPump => this.#pump
    const first = (): WriteUnit | undefined => this.#waiting.first()
    // It lasts as long as somebody waits; the delay between two tries goes by the age of the unit whose turn it is.
    const lockWait: LockWait = {
      clock,
      get startedAtMs() {
        return first()?.wait.startedAtMs ?? clock.now()
      },
      get triesAreCheap() {
        return writer.direct.runsAtOnce
      },
      get hadItsTurn() {
        return pump().cycles.hadItsTurn
      },
      deadlineMs: Number.POSITIVE_INFINITY,
      lane: 'normal',
      attempts: 0,
      triesInARow: 0,
    }
    const whoHolds = (): string => this.#whoHolds()
    this.#lockWait = lockWait
    this.#waiting = new WaitingUnits({ clock, context, owner: this, lockWait, whoHolds })
    const { hasOtherSchemas } = host
    const nextTurn = (): Promise<void> => host.nextTurn()
    const onCycle = (): void => host.onCycle()
    this.#pump = new WriterPump({
      writer,
      clock,
      waiting: this.#waiting,
      lockWait,
      tryBatch: host.tryBatch,
      hasOtherSchemas,
      nextTurn,
      onCycle,
    })
  }

  /** How many units wait. */
  get size(): number {
    return this.#waiting.count
  }

  /** Whether something has the writer or waits for it. */
  get isBusy(): boolean {
    return this.#pump.isRunning
  }

  /** Figures since the storage was opened, and the units that wait now, by lane. */
  stats(): {
    waiting: Readonly<Record<Lane, number>>
    lockCycles: number
    lockAttempts: number
    largestGroup: number
  } {
    const { cycles } = this.#pump
    return {
      waiting: this.#waiting.countByLane,
      lockCycles: cycles.count,
      lockAttempts: this.#lockWait.attempts,
      largestGroup: cycles.largestGroup,
    }
  }

  /**
   * Commits statements together, and with whatever else waits: all of them or none.
   *
   * @throws {LockTimeoutError} If their turn did not come within the budget.
   * @throws {OuterWriteError} If they were made, and awaited, inside the transaction that they wait for.
   * @throws {QueueFullError | StorageClosedError} If the queue takes nothing in.
   */
  write(
    wait: LockWait,
    statements: readonly RoutedStatement[],
    options?: { readonly isRepeatable: boolean },
  ): Promise<StatementResult[]> {
    return new Promise((resolve, reject) => {
      const unit = new WriteUnit(statements, wait, outerWrite, resolve, reject)
      if (options?.isRepeatable) unit.isRepeatable = true
      this.#enqueue(unit)
    })
  }

  /** Runs one try of work that shares the writer with nobody, until it does not meet a busy lock. */
  exclusive<T>(
    wait: LockWait,
    work: (writer: PatientConnection) => Promise<T>,
    whatIfOuter: string = outerWrite,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const exclusiveWork: ExclusiveWork = async (writer) => {
        const result = await work(writer)
        return { settle: () => resolve(result) }
      }
      this.#enqueue(new WriteUnit(exclusiveWork, wait, whatIfOuter, noop, reject))
    })
  }

  /**
   * As {@linkcode WriteQueue.exclusive}, for the storage's own upkeep: nothing is written while `work` runs. It has a place
   * in a full queue too, as what it does may be what the others need.
   */
  gate(wait: LockWait, work: (writer: PatientConnection) => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const gatedWork: ExclusiveWork = async (writer) => {
        await work(writer)
        return { settle: resolve, isUpkeep: true }
      }
      const unit = new WriteUnit(gatedWork, wait, outerWrite, noop, reject)
      if (this.#closedBy === undefined) this.#admit(unit)
      else unit.reject(this.#closedBy)
    })
  }

  /** Waits for the writer, has `take` prepare it (which may BEGIN), and leaves it to the caller until released. */
  own(wait: LockWait, take: (writer: PatientConnection) => Promise<void>): Promise<ConnectionLease> {
    return new Promise((resolve, reject) => {
      const exclusiveWork: ExclusiveWork = async (writer) => {
        await take(writer)
        const lease = new ConnectionLease(writer, this.#host.clock)
        this.#lease = lease
        const until = lease.released.then(() => {
          this.#lease = undefined
        })
        return { settle: () => resolve(lease), until }
      }
      this.#enqueue(new WriteUnit(exclusiveWork, wait, outerWrite, noop, reject))
    })
  }

  /**
   * Keeps back what comes after this call until `ready` is settled: it must not overtake the caller, whose own unit is to
   * enter when the returned promise resolves.
   */
  keepBackUntil(ready: Promise<unknown>): Promise<void> {
    const letIn = (): void => {
      this.#keptBackUntil = undefined
    }
    this.#keptBackUntil ??= ready.then(letIn, letIn)
    return this.#keptBackUntil
  }

  /** Refuses new units from now on. */
  stop(error: UnbusyError): void {
    this.#closedBy ??= error
  }

  /** Resolves once nothing has the writer and nothing waits for it. */
  drained(): Promise<void> {
    return this.#pump.drained()
  }

  /** Rejects what still waits, takes the writer back from its holder, and drains. */
  async abandon(): Promise<UnfinishedWrites> {
    const error = this.#closedBy ?? new StorageClosedError('Cannot write as the storage is closing')
    const givenUpBefore = this.#waiting.givenUpCount
    const lease = this.#lease
    const { group } = this.#pump
    this.#waiting.giveUpAll(error)
    for (const unit of group) unit.wait.abandonedBy = error
    await lease?.revoke(error)
    // What was being tried at that moment may have come through.
    await this.drained()
    const givenUpCount = this.#waiting.givenUpCount - givenUpBefore
    const undoneCount = group.filter((unit) => unit.error === error).length
    return { rejectedWrites: givenUpCount + undoneCount, revokedTransactions: lease === undefined ? 0 : 1 }
  }

  #enqueue(unit: WriteUnit): void {
    if (this.#keptBackUntil !== undefined) {
      void this.#keptBackUntil.then(() => this.#enqueue(unit))
      return
    }
    const refusal = this.#refusal(unit)
    if (refusal !== undefined) {
      unit.reject(refusal)
      return
    }
    this.#admit(unit)
  }

  #admit(unit: WriteUnit): void {
    this.#waiting.enter(unit)
    this.#pump.start()
    // A synchronous driver is through with the first write of an idle queue by now.
    if (unit.isWaiting) this.#waiting.watch(unit)
  }

  #refusal(unit: WriteUnit): unknown {
    if (this.#closedBy !== undefined) return this.#closedBy
    if (unit.wait.signal?.aborted) return unit.wait.signal.reason
    const { maxQueuedWrites } = this.#host
    if (this.size < maxQueuedWrites) return undefined
    return new QueueFullError(`Cannot queue the write as ${maxQueuedWrites} are waiting (maxQueuedWrites)`)
  }

  #whoHolds(): string {
    if (this.#lease === undefined) return whatWasWaitedFor(this.#lockWait.busyError)
    const heldMs = Math.round(this.#host.clock.now() - this.#lease.heldSinceMs)
    const idleMs = Math.round(this.#lease.idleMs())
    return `A transaction of this process has held the writer for ${heldMs} ms, idle for the last ${idleMs} ms,`
  }
}

const outerWrite =
  'Cannot write through the outer db inside a transaction that waits for this write: use the transaction itself (trx), or do not await the write in there'

function noop(): void {}
