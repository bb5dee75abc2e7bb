/**
 * A first-in-first-out queue whose every operation is O(1) a row, and that holds on to nothing that was taken out.
 *
 * @module
 */

/** Rows in a circle of 2^n slots; it grows to the most rows that it ever held, and stays. */
export class Ring<Row extends object> {
  #slots: (Row | undefined)[] = new Array<Row | undefined>(16)
  #head = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  peek(): Row | undefined {
    return this.#size === 0 ? undefined : this.#slots[this.#head]
  }

  push(row: Row): void {
    if (this.#size === this.#slots.length) this.#grow()
    this.#slots[(this.#head + this.#size) & (this.#slots.length - 1)] = row
    this.#size++
  }

  shift(): Row | undefined {
    const row = this.peek()
    if (row === undefined) return undefined
    this.#slots[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#slots.length - 1)
    this.#size--
    return row
  }

  /** Takes the first `count` rows, or as many as there are. */
  take(count: number): Row[] {
    const rows: Row[] = []
    while (rows.length < count) {
      const row = this.shift()
      if (row === undefined) break
      rows.push(row)
    }
    return rows
  }

  /** Puts rows that were taken back in front, in their order. */
  putBack(rows: readonly Row[]): void {
    while (this.#size + rows.length > this.#slots.length) this.#grow()
    for (let index = rows.length - 1; index >= 0; index--) {
      this.#head = (this.#head - 1) & (this.#slots.length - 1)
      this.#slots[this.#head] = rows[index]
      this.#size++
    }
  }

  #grow(): void {
    const slots = new Array<Row | undefined>(this.#slots.length * 2)
    for (let index = 0; index < this.#size; index++) {
      slots[index] = this.#slots[(this.#head + index) & (this.#slots.length - 1)]
    }
    this.#slots = slots
    this.#head = 0
  }
}
