/**
 * Works off what waits for the writer: asks for the lock on behalf of all, turn after turn (contract C5), and lets the
 * event loop turn in between. While the lock is held elsewhere, what waits grows into a bigger group instead of more
 * attempts.
 *
 * @module
 */
import type { Statement, StatementResult } from '../connector.ts'
import { type LockWait, lockTimeout, noteBusy, noteFree, pause, whatWasWaitedFor } from '../lock-wait.ts'
import type { LockCycles } from '../time/lock-cycles.ts'
import { Burst } from './burst.ts'
import type { WriteUnit } from './write-unit.ts'
import { WriterTurn, type WriterTurnHost } from './writer-turn.ts'

/** What the pump works with. */
export interface WriterPumpHost extends WriterTurnHost {
  nextTurn(): Promise<void>
}

/** One loop over the units that wait; it ends when there are none. */
export class WriterPump {
  readonly #host: WriterPumpHost
  readonly #turn: WriterTurn
  readonly #burst: Burst
  #isRunning = false
  #onIdle: (() => void)[] = []

  constructor(host: WriterPumpHost) {
    this.#host = host
    this.#turn = new WriterTurn(host)
    this.#burst = new Burst(() => host.nextTurn())
  }

  get isRunning(): boolean {
    return this.#isRunning
  }

  /** What was done with the lock so far. */
  get cycles(): LockCycles {
    return this.#turn.cycles
  }

  /** The units of the group that runs now. */
  get group(): readonly WriteUnit[] {
    return this.#turn.group
  }

  /** Resolves once nothing has the writer and nothing waits for it. */
  drained(): Promise<void> {
    if (!this.#isRunning) return Promise.resolve()
    return new Promise((resolve) => {
      this.#onIdle.push(resolve)
    })
  }

  /** Begins in the caller's turn: where the driver is synchronous, the first unit may be through when this returns. */
  start(): void {
    if (!this.#isRunning) void this.#run()
  }

  /**
   * A lone write of an idle storage, where nothing has to be awaited for it: it is committed when this returns. To make it
   * a unit first, with a promise of its own, costs a thirtieth of a small write.
   *
   * @returns `undefined` if it did not run, as the writer is not idle, or the lock is not free.
   * @throws {LockTimeoutError} If the lock is not free, and the budget is over with that.
   */
  runAtOnce(statement: Statement, wait: LockWait): StatementResult | undefined {
    const { clock, writer, lockWait } = this.#host
    if (this.#isRunning || !writer.direct.runsAtOnce) return undefined
    // Before SQLite is asked: a function of the user's that it calls may write as well.
    this.#isRunning = true
    lockWait.attempts++
    try {
      const { result, endedAtMs } = this.#turn.runAtOnce(statement)
      noteFree(lockWait)
      this.#goOnSoon(wait.startedAtMs, endedAtMs)
      return result
    } catch (error) {
      this.#goOnSoon(wait.startedAtMs, clock.now())
      if (!writer.isBusy(error)) {
        void writer.rollback()
        throw writer.translate(error)
      }
      noteBusy(lockWait, error)
      wait.attempts++
      // A budget of 0 is for one question.
      if (wait.deadlineMs <= clock.now()) throw lockTimeout(wait, whatWasWaitedFor(error), error)
      return undefined
    }
  }

  /** Who writes in the same turn waits together, instead of being the first of an idle storage each. */
  #goOnSoon(beganAtMs: number, endedAtMs: number): void {
    this.#burst.note(beganAtMs, endedAtMs)
    void settled.then(this.#goOn)
  }

  readonly #goOn = (): void => {
    if (this.#host.waiting.count > 0 || this.#burst.isOver) void this.#run()
    else this.#end()
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    const { clock, writer, waiting, lockWait } = this.#host
    if (waiting.count > 1 || this.#burst.isOver) await this.#giveTurn()
    else if (lockWait.busyError !== undefined) await pause(lockWait)
    // Asked here and not of the last try: a unit may have come while its answer was on the way.
    while (waiting.count > 0) {
      const beganAtMs = clock.now()
      const rest = await writer
        .withLock(lockWait, this.#turn.tryFirst)
        .catch((error) => this.#turn.reject(waiting.first(), error))
      if (rest === undefined) continue
      const unitCount = await rest()
      this.#burst.note(beganAtMs, clock.now())
      // Where there is a crowd, or was one, more of it come in a moment: a turn lets them join the next group. A single
      // caller who writes again and again must not pay for one each time.
      if (waiting.count > 1 || unitCount > 1 || this.#burst.isOver) await this.#giveTurn()
    }
    this.#end()
  }

  #end(): void {
    this.#host.waiting.watch.rest()
    this.#isRunning = false
    if (this.#onIdle.length > 0) for (const onIdle of this.#onIdle.splice(0)) onIdle()
  }

  /** A turn of the event loop, before the lock is asked for on behalf of all that wait by then. */
  async #giveTurn(): Promise<void> {
    const { waiting } = this.#host
    waiting.isAskedForNext = true
    await this.#host.nextTurn()
    waiting.isAskedForNext = false
  }
}

const settled = Promise.resolve()
