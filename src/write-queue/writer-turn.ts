/**
 * What happens when it is the turn of a unit: one try to get the lock for it, and what is run with it, alone or as a group
 * (contract C5). When to try, and when again, is decided in `writer-pump.ts`.
 *
 * @module
 */
import { DeferredKeys } from '../connection/deferred-keys.ts'
import { type RunAlone, runAsWhole, runPlainly } from '../connection/lone-write.ts'
import type { PatientConnection } from '../connection.ts'
import type { Statement, StatementResult } from '../connector.ts'
import type { LockWait } from '../lock-wait.ts'
import type { Clock } from '../time/clock.ts'
import { LockCycles } from '../time/lock-cycles.ts'
import type { TryBatch } from './batch-group.ts'
import { commitGroup } from './group-commit.ts'
import type { WaitingUnits } from './waiting-units.ts'
import type { WriteUnit } from './write-unit.ts'

/** What a turn works with. */
export interface WriterTurnHost {
  readonly writer: PatientConnection
  readonly clock: Clock
  readonly waiting: WaitingUnits
  /** The one wait that asks for the lock on behalf of all. */
  readonly lockWait: LockWait
  /** How groups are run where {@linkcode DirectConnection.executesBatches}; elsewhere they share a transaction. */
  readonly tryBatch: TryBatch | undefined
  /** Whether the writer may see schemas other than main. */
  readonly hasOtherSchemas: () => boolean
  /**
   * Called when the writer was used and is free again, outside any transaction. Must be cheap and must not throw.
   *
   * @param hasWaited Whether it was for one statement, which had to wait for the lock.
   */
  onCycle(nowMs: number, hasWaited?: boolean): void
}

/** What is left to do with the lock; answers how many units it was for. */
export type Rest = () => Promise<number>

/** Runs the unit whose turn it is, or the group that it begins. */
export class WriterTurn {
  readonly cycles: LockCycles = new LockCycles()
  readonly #host: WriterTurnHost
  readonly #deferredKeys: DeferredKeys
  readonly #group: WriteUnit[] = []

  constructor(host: WriterTurnHost) {
    this.#host = host
    this.#deferredKeys = new DeferredKeys(host.hasOtherSchemas)
  }

  /** The units of the group that runs now. */
  get group(): readonly WriteUnit[] {
    return [...this.#group]
  }

  /** A lone write. Throws what the driver does; nothing has changed then. */
  runAtOnce(
    statement: Statement,
    run: RunAlone = runPlainly,
  ): { readonly result: StatementResult; readonly endedAtMs: number } {
    const { writer, clock, lockWait, onCycle } = this.#host
    const result = writer.direct.runLone(statement, run)
    const endedAtMs = clock.now()
    this.cycles.note(1, endedAtMs)
    onCycle(endedAtMs, lockWait.busyError !== undefined)
    return { result, endedAtMs }
  }

  /** A write that waits alone needs no transaction around it. Throws what the driver does; nothing has changed then. */
  #runLone(unit: WriteUnit): boolean {
    const { writer, waiting } = this.#host
    if (waiting.count > 1 || unit.isExclusive || !writer.direct.runsAtOnce) return false
    const [statement, second] = unit.statements
    if (statement === undefined || second !== undefined) return false
    unit.results = [this.runAtOnce(statement, unit.isAtomic ? runAsWhole : runPlainly).result]
    waiting.take(unit)
    unit.settle()
    return true
  }

  /**
   * Tries to get the lock for the unit whose turn it is. Throws what a busy lock throws; nothing has changed then.
   *
   * @returns What is left to do with the lock, or `undefined` if nothing waits.
   */
  readonly tryFirst = async (): Promise<Rest | undefined> => {
    const { writer, waiting, tryBatch } = this.#host
    const first = waiting.first()
    if (first === undefined) return undefined
    first.isTried = true
    try {
      if (typeof first.work === 'function') {
        const { settle, until, isUpkeep } = await first.work(writer)
        waiting.take(first)
        if (isUpkeep) {
          settle()
          return nothing
        }
        this.cycles.note(1, this.#host.clock.now())
        settle()
        return async () => {
          // The budget that began with it would keep the process alive for as long as the transaction is open.
          if (waiting.count === 0) waiting.watch.rest()
          await until
          this.#host.onCycle(this.#host.clock.now())
          return 1
        }
      }
      if (this.#runLone(first)) return nothing
      if (tryBatch !== undefined) {
        const judge = await tryBatch(this.#host)
        return async () => {
          await judge(this.#group)
          return this.#settleGroup()
        }
      }
      await writer.direct.begin('immediate')
      return this.#commitGroup
    } catch (error) {
      if (!writer.isBusy(error)) return this.reject(first, error)
      waiting.returnTried([first], error)
      throw error
    } finally {
      first.isTried = false
    }
  }

  /** What is not a busy lock is the fault of the unit itself, or of the connection that could not be opened for it. */
  async reject(unit: WriteUnit | undefined, error: unknown): Promise<Rest> {
    // Taken before anything is awaited: meanwhile a more urgent one may come, and would be the first.
    if (unit !== undefined) {
      this.#host.waiting.take(unit)
      unit.error = error
    }
    await this.#host.writer.rollback()
    unit?.reject(this.#host.writer.translate(error))
    return nothing
  }

  readonly #commitGroup = async (): Promise<number> => {
    const { writer, waiting } = this.#host
    let maxUnits = waiting.count
    try {
      if (maxUnits > 1 && (writer.direct.isRemote || (await this.#deferredKeys.exist(writer.direct))))
        maxUnits = 1
    } catch (error) {
      return (await this.reject(waiting.first(), error))()
    }
    await commitGroup(writer, this.#group, this.#takeStatements, maxUnits)
    return this.#settleGroup()
  }

  /** Tells the callers of the group what became of their statements. */
  #settleGroup(): number {
    const units = this.#group
    const unitCount = units.length
    const nowMs = this.#host.clock.now()
    // None, if a more urgent one that shares with nobody came while the lock was being taken.
    if (unitCount > 0) this.cycles.note(unitCount, nowMs)
    this.#host.onCycle(nowMs)
    for (const unit of units) unit.settle()
    // An idle storage must not hold on to the rows of its last group.
    units.length = 0
    return unitCount
  }

  /** The next unit, if it may share a transaction. */
  readonly #takeStatements = (): WriteUnit | undefined => {
    const { waiting } = this.#host
    const unit = waiting.first()
    if (unit === undefined || unit.isExclusive) return undefined
    waiting.take(unit)
    return unit
  }
}

const nothing: Rest = async () => 1
