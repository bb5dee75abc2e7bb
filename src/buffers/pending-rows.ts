/**
 * The data of an append queue: rows that wait, in order, and the batch that is being written. What a batch did not write
 * goes back to the front.
 *
 * @module
 */
import type { HeldEntries } from './plan.ts'
import { Ring } from './ring.ts'

/** A row and its number. */
export interface PendingRow<Row> {
  readonly value: Row
  readonly sequence: number
}

/** Holds rows that are not written. */
export class PendingRows<Row> implements HeldEntries<PendingRow<Row>> {
  readonly #waiting = new Ring<PendingRow<Row>>()
  #inFlight = new Set<PendingRow<Row>>()

  /** Rows that are held. */
  get size(): number {
    return this.#waiting.size + this.#inFlight.size
  }

  /** Rows that wait for a batch. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** The number of the oldest row that is held; Infinity if there is none. */
  get oldest(): number {
    const [oldest = this.#waiting.peek()] = this.#inFlight
    return oldest?.sequence ?? Number.POSITIVE_INFINITY
  }

  push(row: Row, sequence: number): void {
    this.#waiting.push({ value: row, sequence })
  }

  /** Hands the first rows to a batch. */
  takeOff(count: number): PendingRow<Row>[] {
    const rows = this.#waiting.take(count)
    this.#inFlight = new Set(rows)
    return rows
  }

  isInFlight(row: PendingRow<Row>): boolean {
    return this.#inFlight.has(row)
  }

  /** It is committed or given up. Answers whether it was still held. */
  land(row: PendingRow<Row>): boolean {
    return this.#inFlight.delete(row)
  }

  /** Takes back what a batch did not write. */
  turnBack(): void {
    this.#waiting.putBack([...this.#inFlight])
    this.#inFlight = new Set()
  }

  /** Takes out the row that waits longest. Of what is in flight nothing can be taken. */
  shift(): Row | undefined {
    return this.#waiting.shift()?.value
  }
}
