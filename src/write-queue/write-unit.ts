/**
 * What the write queue orders: statements that may share a transaction with their neighbours, or work that has the
 * writer for itself.
 *
 * @module
 */
import type { RoutedStatement } from '../connection/statement.ts'
import type { PatientConnection } from '../connection.ts'
import type { StatementResult } from '../connector.ts'
import { OutcomeUnknownError, SqliteError } from '../errors.ts'
import type { Lane, LaneUnit } from '../lanes.ts'
import type { LockWait } from '../lock-wait.ts'

/**
 * Work that shares the writer with nobody. It takes the lock, or does everything: met by a busy lock it must have
 * changed nothing, and is called again.
 */
export type ExclusiveWork = (writer: PatientConnection) => Promise<ExclusiveResult>

/** What exclusive work came to. */
export interface ExclusiveResult {
  /** Tells the caller, once the unit has left the queue. */
  settle(): void
  /** Awaited before the writer goes on to the next unit. */
  readonly until?: Promise<void>
  /** It was the storage's own upkeep, which counts in no figure of its users. */
  readonly isUpkeep?: true
}

const outerWrite =
  'Cannot write through the outer db inside a transaction that waits for this write: use the transaction itself (trx), or do not await the write in there'

/** One caller's place in the queue. */
export class WriteUnit implements LaneUnit {
  readonly wait: LockWait
  /** Statements, committed together and with their neighbours; or work of its own kind. */
  readonly work: readonly RoutedStatement[] | ExclusiveWork
  readonly reject: (error: unknown) => void
  /** Exclusive work has its own way to tell. */
  readonly resolve: ((results: StatementResult[]) => void) | undefined
  /** The sentence of its OuterWriteError. */
  readonly whatIfOuter: string
  isWaiting = true
  /** Also one statement leaves nothing when it fails: alone it would keep what OR FAIL or RAISE(FAIL) leave of it. */
  isAtomic = false
  /** Its statements say by themselves that they ran already, so they can be sent again when the answer was lost. */
  isRepeatable = false
  /** Why it has to leave, decided while it was being tried: that shows once the try is over. */
  leftBy: { readonly error: unknown } | undefined
  isTried = false
  /** How often the queue had asked for the lock before it entered. */
  attemptsBefore = 0
  /** Stops what watches over it (signal, outer write); called once, when it leaves the queue. */
  onLeave: (() => void) | undefined
  /** What the statements answered; final only once the group's COMMIT is through. */
  results: StatementResult[] | undefined
  error: unknown

  constructor(
    work: readonly RoutedStatement[] | ExclusiveWork,
    wait: LockWait,
    reject: (error: unknown) => void,
    resolve?: (results: StatementResult[]) => void,
    whatIfOuter: string = outerWrite,
  ) {
    this.work = work
    this.wait = wait
    this.reject = reject
    this.resolve = resolve
    this.whatIfOuter = whatIfOuter
  }

  get lane(): Lane {
    return this.wait.lane
  }

  get enteredAtMs(): number {
    return this.wait.startedAtMs
  }

  get isExclusive(): boolean {
    return typeof this.work === 'function'
  }

  /** The statements of a unit that is not exclusive. */
  get statements(): readonly RoutedStatement[] {
    return this.work as readonly RoutedStatement[]
  }

  /**
   * Ends the unit where `error` leaves open whether it is stored, so that it must not run a second time (contract C16), with
   * an error of its own, as the stack of its caller is added to it. Answers whether it did.
   */
  endIfLost(error: unknown): boolean {
    if (this.isRepeatable || !(error instanceof OutcomeUnknownError)) return false
    this.results = undefined
    this.error = new OutcomeUnknownError(error.message, { cause: error.cause })
    return true
  }

  /**
   * Ends the unit with an error, or with what was `lost` before, unless SQLite itself answered since: whoever is told that
   * nothing ran would do it again.
   */
  fail(error: unknown, lost: unknown): void {
    const isLost = lost instanceof OutcomeUnknownError && !(error instanceof SqliteError)
    this.error = isLost ? lost : error
  }

  /** Tells the caller what its statements came to. */
  settle(): void {
    if (this.results === undefined) this.reject(this.error)
    else this.resolve?.(this.results)
  }
}
