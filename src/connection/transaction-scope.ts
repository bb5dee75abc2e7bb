/**
 * Which open transaction the running code is inside of (contract C11). A write through the outer `db` from in there
 * waits behind that transaction; when the code awaits it, both would wait for ever. The scope travels with the
 * asynchronous calls, so it is told from a write that just happens to come at the same time.
 *
 * @module
 */
import type { AsyncContext } from '../connector.ts'
import type { Clock } from '../time/clock.ts'

/** After this long, what waits for the idle transaction that it was made in is a mistake. */
const graceMs = 1_000
/** When the timer itself is this late, the event loop was blocked, or the machine slept: the transaction had no turn either. */
const lateMs = 100

/** One transaction, as the code inside of it carries it along. */
export interface TransactionScope {
  /** The queue whose writer the transaction holds. */
  readonly owner: object
  /** Whether the writer is held. False once it ended: a timer left behind must not look as if it were inside. */
  readonly isOpen: boolean
  /** Whether it will never be open again. */
  readonly isOver: boolean
  /** Milliseconds since the last statement of the transaction ended; 0 while one runs. */
  idleMs(): number
  /** The scope around this one. */
  readonly parent: TransactionScope | undefined
}

/** The innermost scope that the running code is inside of and that is not over. */
export function currentScope(context: AsyncContext | undefined): TransactionScope | undefined {
  let scope = context?.get() as TransactionScope | undefined
  // Passed over, not linked to: a timer that sets itself again inside a transaction would grow a chain without end.
  while (scope?.isOver) scope = scope.parent
  return scope
}

/** The open transaction of `owner` that the running code is inside of. */
export function enclosingScope(
  context: AsyncContext | undefined,
  owner: object,
): TransactionScope | undefined {
  let scope = currentScope(context)
  while (scope !== undefined && !(scope.isOpen && scope.owner === owner)) scope = scope.parent
  return scope
}

/** Calls back once the transaction has been open and idle so long that it must be waiting for what waits for it. */
export function whenIdle(clock: Clock, scope: TransactionScope, callback: () => void): () => void {
  let cancel: () => void
  const lookIn = (delayMs: number): void => {
    const dueMs = clock.now() + delayMs
    cancel = clock.schedule(delayMs, () => {
      if (!scope.isOpen) return
      const isLate = clock.now() - dueMs > lateMs
      const leftMs = isLate ? graceMs : graceMs - scope.idleMs()
      if (leftMs > 0) lookIn(leftMs)
      else callback()
    })
  }
  lookIn(graceMs)
  return () => cancel()
}
