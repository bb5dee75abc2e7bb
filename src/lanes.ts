/**
 * Three lanes of waiting units and the one rule between them (contract C7): `control` before `normal` before
 * `background`, and a unit rises one lane for every second that it waits, so that none starves. Data only: it knows
 * nothing of locks, timers or SQL.
 *
 * @module
 */

/** How urgent a write is. `control` is for what a person or a protocol waits for, `background` for what can be late. */
export type Lane = 'control' | 'normal' | 'background'

export const lanesByUrgency: readonly Lane[] = ['control', 'normal', 'background']

/** A unit that waits this long is as urgent as the next lane's newcomers. */
const riseEveryMs = 1_000

/** What the lanes need to know of a unit. */
export interface LaneUnit {
  readonly lane: Lane
  /** When it entered, on the clock of the queue. */
  readonly enteredAtMs: number
  /** False once it was taken out of turn (aborted, expired): it is skipped. */
  readonly isWaiting: boolean
}

/** A priority queue of three first-in-first-out lanes; every operation is O(1) on average. */
export class Lanes<Unit extends LaneUnit> {
  /** By urgency; found by index, as a look-up by name costs as much as the rest of a push. */
  readonly #fifos: readonly Fifo<Unit>[] = lanesByUrgency.map(() => new Fifo<Unit>())

  push(unit: Unit): void {
    this.#fifoOf(unit).push(unit)
  }

  /** The unit whose turn it is. */
  peek(): Unit | undefined {
    let first: Unit | undefined
    let firstRank = Number.POSITIVE_INFINITY
    for (let index = 0; index < this.#fifos.length; index++) {
      const unit = this.#fifos[index]?.peek()
      if (unit === undefined) continue
      // Rising a lane a second is the same as having entered a second earlier than those of that lane.
      const rank = unit.enteredAtMs + index * riseEveryMs
      if (rank < firstRank) {
        first = unit
        firstRank = rank
      }
    }
    return first
  }

  /** Every unit that waits, in the order of their turns if nobody else came. */
  *inTurn(): Generator<Unit, void, undefined> {
    const fifos = this.#fifos.map((fifo) => fifo[Symbol.iterator]())
    const heads = fifos.map((fifo) => fifo.next().value)
    while (true) {
      let next = -1
      let nextRank = Number.POSITIVE_INFINITY
      for (const [index, unit] of heads.entries()) {
        if (!unit) continue
        const rank = unit.enteredAtMs + index * riseEveryMs
        if (rank < nextRank) [next, nextRank] = [index, rank]
      }
      const unit = heads[next]
      if (!unit) return
      yield unit
      heads[next] = fifos[next]?.next().value
    }
  }

  /** To be told of each unit that is taken, while it still waits: it is the first of its lane that does. */
  took(unit: Unit): void {
    this.#fifoOf(unit).took()
  }

  /** To be told of each unit that was taken out of turn, wherever in its lane it is. */
  gaveUp(unit: Unit): void {
    this.#fifoOf(unit).skip()
  }

  /** Every unit that waits, lane by lane. */
  *[Symbol.iterator](): Generator<Unit, void, undefined> {
    for (const fifo of this.#fifos) yield* fifo
  }

  #fifoOf({ lane }: Unit): Fifo<Unit> {
    return this.#fifos[lanesByUrgency.indexOf(lane)] as Fifo<Unit>
  }
}

/** So few places of units that were taken are not worth a new array. */
const fewPlaces = 1_000

/** An array with a moving head: taking from the front of a long plain array copies all of it. */
class Fifo<Unit extends LaneUnit> {
  #units: (Unit | undefined)[] = []
  #head = 0
  #skipped = 0

  push(unit: Unit): void {
    this.#units.push(unit)
  }

  peek(): Unit | undefined {
    while (this.#head < this.#units.length) {
      const unit = this.#units[this.#head]
      if (unit?.isWaiting) return unit
      this.#skipped--
      this.#shift()
    }
    return undefined
  }

  /** Takes the first, past those that were given up before it. */
  took(): void {
    this.peek()
    this.#shift()
  }

  /** Once most of the lane is units that were given up, they are let go: all they hold on to would stay in memory. */
  skip(): void {
    this.#skipped++
    if ((this.#head + this.#skipped) * 2 > this.#units.length) this.#compact()
  }

  *[Symbol.iterator](): Generator<Unit, void, undefined> {
    for (const unit of this.#units.slice(this.#head)) if (unit?.isWaiting) yield unit
  }

  #shift(): void {
    this.#units[this.#head++] = undefined
    const { length } = this.#units
    if (this.#head === length || this.#head > Math.max(fewPlaces, length / 2)) this.#compact()
  }

  /** Costs as much as half the units that came since the last time. */
  #compact(): void {
    // A new one: to cut an array goes through the engine's slow path, which a small write would pay for each time.
    if (this.#head === this.#units.length) this.#units = []
    else this.#units = this.#units.slice(this.#head).filter((unit) => unit?.isWaiting)
    this.#head = 0
    this.#skipped = 0
  }
}
