/**
 * A write that shares its transaction with nobody, on a driver that answers synchronously: it is committed, or failed, in
 * one call, and leaves nothing open.
 *
 * @module
 */
import type { Connection, Statement, StatementResult } from '../connector.ts'

/** How it is run. Throws the driver's own error. */
export type RunAlone = (driver: Connection, statement: Statement) => StatementResult

/** As an autocommit. */
export const runPlainly: RunAlone = (driver, statement) => driver.execute(statement) as StatementResult

/** In a transaction of its own, by which it leaves nothing when it fails, whatever OR FAIL or RAISE(FAIL) would keep of it. */
export const runAsWhole: RunAlone = (driver, statement) => {
  void driver.begin('immediate')
  try {
    const result = runPlainly(driver, statement)
    void driver.commit()
    return result
  } catch (error) {
    // SQLite may have ended it by itself: a second ROLLBACK would hide the cause.
    if (driver.inTransaction) void driver.rollback()
    throw error
  }
}
