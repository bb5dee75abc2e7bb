/**
 * Works off what waits for the writer: asks for the lock on behalf of all, then runs one unit, or a group of them
 * (contract C5). While the lock is held elsewhere, what waits grows into a bigger group instead of more attempts.
 *
 * @module
 */
import { type BatchAnswer, isGroupFull, sendGroup, settleGroup } from './batch-group.ts'
import { Burst } from './burst.ts'
import type { PatientConnection } from './connection.ts'
import { DeferredKeys } from './deferred-keys.ts'
import { commitGroup } from './group-commit.ts'
import { Turn } from './lock-delay.ts'
import { type Clock, type LockWait, noteBusy, noteFree, pause } from './lock-wait.ts'
import type { WaitingUnits } from './waiting-units.ts'
import type { WriteUnit } from './write-unit.ts'

/** What the pump works with. */
export interface WriterPumpHost {
  readonly writer: PatientConnection
  readonly clock: Clock
  readonly waiting: WaitingUnits
  /** The one wait that asks for the lock on behalf of all. */
  readonly lockWait: LockWait
  /** Whether the writer may see schemas other than main. */
  readonly hasOtherSchemas: () => boolean
  nextTurn(): Promise<void>
  /** Called when the writer was used and is free again, outside any transaction. Must be cheap and must not throw. */
  onCycle(): void
}

/** What is left to do with the lock; answers how many units it was for. */
type Rest = () => Promise<number>

/** One loop over the units that wait; it ends when there are none. */
export class WriterPump {
  readonly #host: WriterPumpHost
  readonly #deferredKeys: DeferredKeys
  readonly #burst: Burst
  readonly #turn = new Turn()
  /** The units of the group that runs. */
  readonly #group: WriteUnit[] = []
  #isRunning = false
  #onIdle: (() => void)[] = []
  #lockCycles = 0
  #largestGroup = 0

  constructor(host: WriterPumpHost) {
    this.#host = host
    this.#deferredKeys = new DeferredKeys(host.hasOtherSchemas)
    this.#burst = new Burst(host.clock, () => host.nextTurn())
  }

  get isRunning(): boolean {
    return this.#isRunning
  }

  /** Whether the writer had the lock write after write until now. */
  get hadItsTurn(): boolean {
    return this.#turn.isLong
  }

  /** How often the lock was taken. */
  get lockCycles(): number {
    return this.#lockCycles
  }

  /** The most units that shared a lock cycle. */
  get largestGroup(): number {
    return this.#largestGroup
  }

  /** The units of the group that runs now. */
  get group(): readonly WriteUnit[] {
    return [...this.#group]
  }

  /** Resolves once nothing has the writer and nothing waits for it. */
  drained(): Promise<void> {
    if (!this.#isRunning) return Promise.resolve()
    return new Promise((resolve) => {
      this.#onIdle.push(resolve)
    })
  }

  /** Begins in the caller's turn: the first write of an idle storage may be through when this returns. */
  start(): void {
    if (!this.#isRunning) void this.#run()
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    const { writer, waiting, lockWait } = this.#host
    if (this.#runAtOnce()) {
      // Who writes in the same turn waits together, instead of being the first of an idle storage each.
      await undefined
      if (waiting.count > 1 || this.#burst.isOver) await this.#giveTurn()
    } else if (lockWait.busyError !== undefined && waiting.count > 0) await pause(lockWait)
    // Asked here and not of the last try: a unit may have come while its answer was on the way.
    while (waiting.count > 0) {
      this.#burst.begin()
      const rest = await writer
        .withLock(lockWait, this.#tryFirst)
        .catch((error) => this.#reject(waiting.first(), error))
      if (rest === undefined) continue
      const unitCount = await rest()
      // Where there is a crowd, or was one, more of it come in a moment: a turn lets them join the next group. A single
      // caller who writes again and again must not pay for one each time.
      if (waiting.count > 1 || unitCount > 1 || this.#burst.isOver) await this.#giveTurn()
    }
    waiting.rest()
    this.#isRunning = false
    for (const onIdle of this.#onIdle.splice(0)) onIdle()
  }

  /** A turn of the event loop, before the lock is asked for on behalf of all that wait by then. */
  async #giveTurn(): Promise<void> {
    const { waiting } = this.#host
    waiting.isAskedForNext = true
    await this.#host.nextTurn()
    waiting.isAskedForNext = false
  }

  /** The first write of an idle storage, where nothing has to be awaited for it; if the lock is free. */
  #runAtOnce(): boolean {
    const { waiting, writer, lockWait } = this.#host
    const first = waiting.first()
    if (first === undefined) return false
    this.#burst.begin()
    noteFree(lockWait)
    try {
      if (!this.#runLone(first)) return false
    } catch (error) {
      lockWait.attempts++
      if (writer.isBusy(error)) {
        noteBusy(lockWait, error)
        waiting.returnTried([first])
        return false
      }
      void this.#reject(first, error)
      return true
    }
    lockWait.attempts++
    return true
  }

  /** A write that waits alone needs no transaction around it. Throws what the driver does; nothing has changed then. */
  #runLone(unit: WriteUnit): boolean {
    const { writer, waiting } = this.#host
    if (waiting.count > 1 || unit.isExclusive || !writer.runsAtOnce) return false
    const [statement, second] = unit.statements
    if (statement === undefined || second !== undefined) return false
    unit.results = [writer.runLone(statement)]
    this.#finish(unit)
    this.#host.onCycle()
    unit.settle()
    return true
  }

  /**
   * Tries to get the lock for the unit whose turn it is. Throws what a busy lock throws; nothing has changed then.
   *
   * @returns What is left to do with the lock, or `undefined` if nothing waits.
   */
  readonly #tryFirst = async (): Promise<Rest | undefined> => {
    const { writer, waiting } = this.#host
    const first = waiting.first()
    if (first === undefined) return undefined
    first.isTried = true
    try {
      if (typeof first.work === 'function') {
        const { settle, until, isUpkeep } = await first.work(writer)
        if (isUpkeep) {
          waiting.take(first)
          settle()
          return nothing
        }
        this.#finish(first)
        settle()
        return async () => {
          // The budget that began with it would keep the process alive for as long as the transaction is open.
          if (waiting.count === 0) waiting.rest()
          await until
          this.#host.onCycle()
          return 1
        }
      }
      if (this.#runLone(first)) return nothing
      if (writer.executesBatches) return await this.#tryBatch()
      await writer.tryBegin('immediate')
      return this.#commitGroup
    } catch (error) {
      if (!writer.isBusy(error)) return this.#reject(first, error)
      waiting.returnTried([first])
      throw error
    } finally {
      first.isTried = false
    }
  }

  /**
   * Sends what waits to the server in one round trip; what comes meanwhile grows into the next group. Met by a busy lock,
   * or no server at all, the units go on waiting.
   */
  async #tryBatch(): Promise<Rest> {
    const { writer, waiting } = this.#host
    const units = waiting.tryTogether(isGroupFull)
    let answer: BatchAnswer
    try {
      answer = await sendGroup(writer, units)
    } catch (error) {
      waiting.returnTried(units)
      throw error
    }
    const endedAtMs = this.#host.clock.now()
    for (const unit of units) waiting.take(unit)
    return async () => {
      this.#group.push(...units)
      await settleGroup(writer, units, answer, endedAtMs)
      return this.#settleGroup()
    }
  }

  /** What is not a busy lock is the fault of the unit itself, or of the connection that could not be opened for it. */
  async #reject(unit: WriteUnit | undefined, error: unknown): Promise<Rest> {
    // Taken before anything is awaited: meanwhile a more urgent one may come, and would be the first.
    if (unit !== undefined) this.#host.waiting.take(unit)
    await this.#host.writer.rollback()
    unit?.reject(this.#host.writer.translate(error))
    return nothing
  }

  readonly #commitGroup = async (): Promise<number> => {
    const { writer, waiting } = this.#host
    const units = this.#group
    let maxUnits = waiting.count
    try {
      if (maxUnits > 1 && (writer.isRemote || (await this.#deferredKeys.exist(writer)))) maxUnits = 1
    } catch (error) {
      return (await this.#reject(waiting.first(), error))()
    }
    await commitGroup(writer, units, this.#takeStatements, maxUnits)
    return this.#settleGroup()
  }

  /** Tells the callers of the group what became of their statements. */
  #settleGroup(): number {
    const units = this.#group
    const unitCount = units.length
    // None, if a more urgent one that shares with nobody came while the lock was being taken.
    if (unitCount > 0) this.#countCycle(unitCount)
    this.#host.onCycle()
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

  #finish(unit: WriteUnit): void {
    this.#host.waiting.take(unit)
    this.#countCycle(1)
  }

  /** Counted before the callers hear of it, so that they find themselves in the figures. */
  #countCycle(unitCount: number): void {
    this.#turn.note(this.#host.clock.now())
    this.#lockCycles++
    if (unitCount > this.#largestGroup) this.#largestGroup = unitCount
  }
}

const nothing: Rest = async () => 1
