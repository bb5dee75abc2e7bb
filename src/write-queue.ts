/**
 * The order of writes: one writer, three lanes, groups (contracts C5 and C7). Only the queue asks SQLite for the lock; here
 * is what it can be asked for: statements, the writer for one piece of work, the writer for a while.
 *
 * @module
 */
import { ConnectionLease } from './connection/connection-lease.ts'
import type { RoutedStatement } from './connection/statement.ts'
import type { PatientConnection } from './connection.ts'
import type { AsyncContext, StatementResult } from './connector.ts'
import type { UnbusyError } from './errors.ts'
import type { Lane } from './lanes.ts'
import type { LockWait } from './lock-wait.ts'
import type { Clock } from './time/clock.ts'
import type { TryBatch } from './write-queue/batch-group.ts'
import { waitForAll, whoHolds } from './write-queue/queue-wait.ts'
import { abandonWrites, type UnfinishedWrites } from './write-queue/unfinished-writes.ts'
import { WaitingUnits } from './write-queue/waiting-units.ts'
import { WriteIntake } from './write-queue/write-intake.ts'
import { type ExclusiveWork, WriteUnit } from './write-queue/write-unit.ts'
import { WriterPump } from './write-queue/writer-pump.ts'

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
  /**
   * Called when the writer was used and is free again, outside any transaction. Must be cheap and must not throw.
   *
   * @param hasWaited Whether it was for one statement, which had to wait for the lock.
   */
  onCycle(nowMs: number, hasWaited?: boolean): void
}

/** Orders everything that writes through one storage. */
export class WriteQueue {
  readonly #waiting: WaitingUnits
  readonly #pump: WriterPump
  readonly #intake: WriteIntake
  readonly #lockWait: LockWait
  #lease: ConnectionLease | undefined

  constructor(host: WriteQueueHost) {
    const { writer, clock } = host
    const firstWait = (): LockWait | undefined => waiting.first()?.wait
    const lockWait = waitForAll(writer, clock, firstWait, () => pump.cycles.turn)
    const holder = (): string => whoHolds(lockWait, this.#lease)
    const waiting = new WaitingUnits({ ...host, owner: this, lockWait, whoHolds: holder })
    const pump = new WriterPump({ ...host, waiting, lockWait })
    this.#lockWait = lockWait
    this.#waiting = waiting
    this.#pump = pump
    this.#intake = new WriteIntake(waiting, pump, host.maxQueuedWrites)
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
      // Not all attempts: nobody refused the storage's own upkeep, nor what failed for itself.
      lockAttempts: cycles.count + this.#lockWait.refused,
      largestGroup: cycles.largestGroup,
    }
  }

  /**
   * Commits one statement now, if nothing has the writer, no other process has the lock, and the driver is synchronous.
   *
   * @returns `undefined` if it did not run: it is to be queued then, with the same budget.
   * @throws {LockTimeoutError} If another process has the lock, and the budget is over with that.
   */
  writeAtOnce(wait: LockWait, statement: RoutedStatement): StatementResult | undefined {
    return this.#intake.isOpenTo(wait) ? this.#pump.runAtOnce(statement, wait) : undefined
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
    { isAtomic = false, isRepeatable = false }: { isAtomic?: boolean; isRepeatable?: boolean } = {},
  ): Promise<StatementResult[]> {
    return new Promise((resolve, reject) => {
      const unit = new WriteUnit(statements, wait, reject, resolve)
      unit.isAtomic = isAtomic
      unit.isRepeatable = isRepeatable
      this.#intake.enter(unit)
    })
  }

  /** Runs one try of work that shares the writer with nobody, until it does not meet a busy lock. */
  exclusive<T>(
    wait: LockWait,
    work: (writer: PatientConnection) => Promise<T>,
    whatIfOuter?: string,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const exclusiveWork: ExclusiveWork = async (writer) => {
        const result = await work(writer)
        return { settle: () => resolve(result) }
      }
      this.#intake.enter(new WriteUnit(exclusiveWork, wait, reject, undefined, whatIfOuter))
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
      this.#intake.enterUpkeep(new WriteUnit(gatedWork, wait, reject))
    })
  }

  /** Waits for the writer, has `take` prepare it (which may BEGIN), and leaves it to the caller until released. */
  own(wait: LockWait, take: (writer: PatientConnection) => Promise<void>): Promise<ConnectionLease> {
    return new Promise((resolve, reject) => {
      const exclusiveWork: ExclusiveWork = async (writer) => {
        await take(writer)
        // Nobody would take it back any more.
        if (wait.abandonedBy !== undefined) throw wait.abandonedBy
        const lease = new ConnectionLease(writer, this.#lockWait.clock)
        this.#lease = lease
        const until = lease.released.then(() => {
          this.#lease = undefined
        })
        return { settle: () => resolve(lease), until }
      }
      this.#intake.enter(new WriteUnit(exclusiveWork, wait, reject))
    })
  }

  /**
   * Keeps back what comes after this call until `ready` is settled: it must not overtake the caller, whose own unit is to
   * enter when the returned promise resolves.
   */
  keepBackUntil(ready: Promise<unknown>): Promise<void> {
    return this.#intake.keepBackUntil(ready)
  }

  /** Refuses new units from now on. */
  stop(error: UnbusyError): void {
    this.#intake.stop(error)
  }

  /** Resolves once nothing has the writer and nothing waits for it. */
  drained(): Promise<void> {
    return this.#pump.drained()
  }

  /** Rejects what still waits, takes the writer back from its holder, and drains. To be called after `stop`. */
  abandon(error: UnbusyError): Promise<UnfinishedWrites> {
    return abandonWrites(this.#waiting, this.#pump, this.#lease, error)
  }
}
