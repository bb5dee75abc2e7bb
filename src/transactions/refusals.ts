/**
 * What a session refuses, in words: BEGIN, COMMIT and ROLLBACK where they cannot be, and what comes too late.
 *
 * @module
 */
import { TransactionControlError, TransactionEndedError } from '../errors.ts'

/** A BEGIN inside a transaction. */
export function alreadyOpen(): TransactionControlError {
  return new TransactionControlError('Cannot BEGIN as a transaction is already open')
}

/** The end of a transaction that never began. */
export function noneOpen(): TransactionControlError {
  return new TransactionControlError('Cannot end a transaction as none is open')
}

/** The same as raw SQL. */
export function noneOpenFor(verb: string): TransactionControlError {
  return new TransactionControlError(`Cannot run ${verb} as no transaction is open: begin one first`)
}

/** A raw COMMIT or ROLLBACK where Kysely ends the transaction. */
export function notByHand(verb: string): TransactionControlError {
  return new TransactionControlError(
    `Cannot run ${verb} as raw SQL inside db.transaction(): return from its callback, or throw`,
  )
}

/** A raw BEGIN without an end. */
export function leftOpen(): TransactionControlError {
  return new TransactionControlError(
    'A transaction begun as raw SQL was still open when its connection was released, and was rolled back: use db.transaction(), or COMMIT inside db.connection()',
  )
}

/** A COMMIT that comes when the connection of its transaction is over. */
export function rolledBackAtTheEnd(): TransactionEndedError {
  return new TransactionEndedError(
    'Cannot commit the transaction as its connection is over, which rolled it back; nothing of it is stored: await it inside db.connection()',
  )
}

/** A query that comes when its session is over. */
export function late(): TransactionEndedError {
  return new TransactionEndedError(
    'Cannot run the query as its transaction or connection is over; nothing of it ran: await every query inside',
  )
}
