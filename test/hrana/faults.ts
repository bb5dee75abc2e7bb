/**
 * What goes wrong on purpose: in the order of a script, or by seeded chance. A fault meets one request that runs SQL.
 *
 * @module
 */
import { seededRandom } from '../../src/tools/testing.ts'

/** Before anything of the request has run, or after all of it has, with its commit. */
export type FaultTime = 'before' | 'after'

/** One thing that goes wrong. */
export type Fault =
  /** The connection is cut. */
  | { readonly kind: 'drop'; readonly when: FaultTime }
  /** HTTP answers so; a WebSocket, which has no status, is cut. */
  | { readonly kind: 'status'; readonly when: FaultTime; readonly status: number; readonly body?: string }
  | { readonly kind: 'delay'; readonly when: FaultTime; readonly ms: number }
  /** In place of the first request that runs SQL, the stream answers this error; with `BEGIN` in it, it is not begun. */
  | { readonly kind: 'error'; readonly code: string; readonly message: string }
  /** The stream of this request has been closed for idleness. Of a first request it has not: nothing happens. */
  | { readonly kind: 'expire' }
  /** The server has been restarted: it knows no stream, and this request reaches the new one. */
  | { readonly kind: 'restart' }
  /** The transaction that holds the write lock has been rolled back for another writer. */
  | { readonly kind: 'transaction-timeout' }
  /** Everything runs, and the answer is 200 with a page of a proxy; a WebSocket gets the same as a message, or one that is no text. */
  | { readonly kind: 'garbage'; readonly isUtf8?: false }

/** A fault of the script. */
export interface ScriptedFault {
  readonly fault: Fault
  /** Only requests whose JSON contains this text, in any case, such as `COMMIT`. @default {every request} */
  readonly matching?: string
  /** How many of the matching requests pass unharmed before. @default {0} */
  readonly skip?: number
  /** How many of them it meets then. @default {1} */
  readonly times?: number
}

/** Faults by chance. */
export interface RandomFaults {
  readonly seed: number
  /** Which part of the requests meets one, 0 to 1. */
  readonly rate: number
  /** Each as likely as the others. */
  readonly faults: readonly Fault[]
}

/** Everything that is planned; what is given replaces all of what was planned before. */
export interface FaultPlan {
  readonly script?: readonly ScriptedFault[]
  readonly random?: RandomFaults
}

export class Faults {
  #script: { entry: ScriptedFault; seen: number }[] = []
  #random: RandomFaults | undefined
  #chance: () => number = () => 1

  plan({ script = [], random }: FaultPlan): void {
    this.#script = script.map((entry) => ({ entry, seen: 0 }))
    this.#random = random
    this.#chance = random === undefined ? () => 1 : seededRandom(random.seed)
  }

  /** The fault that this request meets. @param text Its JSON. */
  next(text: string): Fault | undefined {
    const lower = text.toLowerCase()
    for (const planned of this.#script) {
      const { fault, matching = '', skip = 0, times = 1 } = planned.entry
      if (planned.seen >= skip + times || !lower.includes(matching.toLowerCase())) continue
      if (planned.seen++ >= skip) return fault
    }
    if (this.#random === undefined || this.#chance() >= this.#random.rate) return undefined
    const { faults } = this.#random
    return faults[Math.floor(this.#chance() * faults.length)]
  }
}
