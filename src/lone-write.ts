/**
 * A write that shares its transaction with nobody, on a driver that answers synchronously: it is committed, or failed, in
 * one call.
 *
 * @module
 */
import type { Connection, Statement, StatementResult } from './connector.ts'
import { withoutStack } from './errors.ts'

/**
 * Runs one statement, as an autocommit or in a transaction of its own. Throws the driver's error, a busy lock's without a
 * stack; nothing is open then.
 *
 * @param isAtomic Undoes also what OR FAIL or RAISE(FAIL) would keep of a statement that fails.
 */
export function runLoneWrite(driver: Connection, statement: Statement, isAtomic: boolean): StatementResult {
  return withoutStack(() => {
    if (!isAtomic) return driver.execute(statement) as StatementResult
    void driver.begin('immediate')
    try {
      const result = driver.execute(statement) as StatementResult
      void driver.commit()
      return result
    } catch (error) {
      // SQLite may have ended it by itself: a second ROLLBACK would hide the cause.
      if (driver.inTransaction) void driver.rollback()
      throw error
    }
  })
}
