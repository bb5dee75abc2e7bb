/**
 * The savepoints of a transaction that a raw SAVEPOINT began: releasing the outermost commits it, as in SQLite.
 *
 * @module
 */
import type { TransactionControl } from '../sql/statement-head.ts'

/** The names of open savepoints, innermost last. SQLite compares them without regard to case. */
export class SavepointStack {
  #names: string[] = []

  get isEmpty(): boolean {
    return this.#names.length === 0
  }

  /** Follows a statement that has run. */
  apply(control: TransactionControl | undefined): void {
    const name = control?.name?.toLowerCase()
    if (name === undefined) return
    if (control?.action === 'savepoint') this.#names.push(name)
    const index = this.#names.lastIndexOf(name)
    if (control?.action === 'rollback to') this.#names.length = index + 1
    if (control?.action === 'release') this.#names.length = index
  }
}
