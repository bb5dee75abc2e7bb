/**
 * From Kysely's connection to our session: another dialect may stand between them, such as one that sends reads to a
 * replica, and its connections are its own.
 *
 * @module
 */
import { CompiledQuery, type DatabaseConnection } from 'kysely'
import { UnsupportedError } from '../errors.ts'
import { Session, type SessionCommand } from './session.ts'

/**
 * Asks for the session as a query would find it.
 *
 * @throws {UnsupportedError} If the dialect in between makes queries of its own.
 */
export async function sessionBehind(connection: DatabaseConnection): Promise<Session> {
  if (connection instanceof Session) return connection
  let session: Session | undefined
  // The text shows in Kysely's log, and runs only where the question does not come through.
  const question: SessionCommand = {
    ...CompiledQuery.raw('select 1'),
    run: async (asked) => {
      session = asked
    },
  }
  await connection.executeQuery(question)
  if (session !== undefined) return session
  throw new UnsupportedError(
    'Cannot lock migrations as the dialect around this one does not pass queries on as they are: migrate without it',
  )
}
