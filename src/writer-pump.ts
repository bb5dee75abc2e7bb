/**
 * Works off what waits for the writer: asks for the lock on behalf of all, turn after turn (contract C5), and lets the
 * event loop turn in between. While the lock is held elsewhere, what waits grows into a bigger group instead of more
 * attempts.
 *
 * @module
 */
import { Burst } from './burst.ts'
import type { LockCycles } from './lock-cycles.ts'
import { type LockWait, noteBusy, noteFree, pause } from './lock-wait.ts'
import type { WriteUnit } from './write-unit.ts'
import { WriterTurn, type WriterTurnHost } from './writer-turn.ts'

/** What the pump works with. */
export interface WriterPumpHost extends WriterTurnHost {
  /** The one wait that asks for the lock on behalf of all. */
  readonly lockWait: LockWait
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
    this.#burst = new Burst(host.clock, () => host.nextTurn())
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
        .withLock(lockWait, this.#turn.tryFirst)
        .catch((error) => this.#turn.reject(waiting.first(), error))
      if (rest === undefined) continue
      const unitCount = await rest()
      // Where there is a crowd, or was one, more of it come in a moment: a turn lets them join the next group. A single
      // caller who writes again and again must not pay for one each time.
      if (waiting.count > 1 || unitCount > 1 || this.#burst.isOver) await this.#giveTurn()
    }
    waiting.watch.rest()
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
      if (!this.#turn.runLone(first)) return false
    } catch (error) {
      lockWait.attempts++
      if (writer.isBusy(error)) {
        noteBusy(lockWait, error)
        waiting.returnTried([first])
        return false
      }
      void this.#turn.reject(first, error)
      return true
    }
    lockWait.attempts++
    return true
  }
}
