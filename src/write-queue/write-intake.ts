/**
 * What a write queue takes in, what it keeps back for a moment, and what it refuses.
 *
 * @module
 */
import { QueueFullError, type UnbusyError } from '../errors.ts'
import type { LockWait } from '../lock-wait.ts'
import type { WaitingUnits } from './waiting-units.ts'
import type { WriteUnit } from './write-unit.ts'
import type { WriterPump } from './writer-pump.ts'

/** The door of one queue. */
export class WriteIntake {
  readonly #waiting: WaitingUnits
  readonly #pump: WriterPump
  readonly #maxQueuedWrites: number
  #closedBy: UnbusyError | undefined
  #keptBackUntil: Promise<void> | undefined

  constructor(waiting: WaitingUnits, pump: WriterPump, maxQueuedWrites: number) {
    this.#waiting = waiting
    this.#pump = pump
    this.#maxQueuedWrites = maxQueuedWrites
  }

  /** Refuses new units from now on. */
  stop(error: UnbusyError): void {
    this.#closedBy ??= error
  }

  /** Keeps back what comes after this call until `ready` is settled. */
  keepBackUntil(ready: Promise<unknown>): Promise<void> {
    const letIn = (): void => {
      this.#keptBackUntil = undefined
    }
    this.#keptBackUntil ??= ready.then(letIn, letIn)
    return this.#keptBackUntil
  }

  /** Takes a unit in, or rejects it. */
  enter(unit: WriteUnit): void {
    if (this.#keptBackUntil) {
      void this.#keptBackUntil.then(() => this.enter(unit))
      return
    }
    const refusal = this.#refusal(unit)
    if (refusal === undefined) this.#admit(unit)
    else unit.reject(refusal)
  }

  /** Whether a write with this budget would be taken in now, and kept back by nothing. */
  isOpenTo({ signal }: LockWait): boolean {
    return !(this.#closedBy || this.#keptBackUntil || signal?.aborted)
  }

  /** As {@linkcode WriteIntake.enter}, past those that are kept back, and also if the queue is full. */
  enterUpkeep(unit: WriteUnit): void {
    if (!this.#closedBy) this.#admit(unit)
    else unit.reject(this.#closedBy)
  }

  #admit(unit: WriteUnit): void {
    this.#waiting.enter(unit)
    this.#pump.start()
    // A synchronous driver is through with the first write of an idle queue by now.
    if (unit.isWaiting) this.#waiting.watch.add(unit)
  }

  #refusal({ wait }: WriteUnit): unknown {
    if (this.#closedBy) return this.#closedBy
    if (wait.signal?.aborted) return wait.signal.reason
    const max = this.#maxQueuedWrites
    if (this.#waiting.count < max) return undefined
    return new QueueFullError(`Cannot queue the write as ${max} are waiting (maxQueuedWrites)`)
  }
}
