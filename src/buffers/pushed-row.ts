/**
 * Reads a row that is pushed to an append queue: once, and as it is at the call.
 *
 * @module
 */
import type { AppendOptions } from './append-options.ts'
import type { DropReason } from './write-behind.ts'

interface DropsRows<Row> {
  drop(row: Row, reason: DropReason, error?: unknown): void
}

/**
 * A copy with its time, as the caller may use the object again; or why the row was dropped.
 *
 * @param life Told of a row that cannot be taken in.
 */
export function readPushed<Row extends object>(
  row: Row,
  { idempotencyKey, timestamp }: AppendOptions<Row>,
  life: DropsRows<Row>,
): Row | DropReason {
  try {
    const isTimed = timestamp === undefined || row[timestamp] !== undefined
    const copy = isTimed ? { ...row } : { ...row, [timestamp]: Date.now() }
    if (idempotencyKey === undefined || (copy[idempotencyKey] ?? null) !== null) return copy
    life.drop(row, 'no-key')
    return 'no-key'
  } catch (error) {
    // It is no object, or has a getter that throws.
    life.drop(row, 'poison', error)
    return 'poison'
  }
}
