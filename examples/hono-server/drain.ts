/**
 * The end of a server whose database is a file or on a server.
 *
 * @module
 */
import { closeDatabase, type OpenDatabase } from './database.ts'
import { drainServices } from './drain-services.ts'
import type { Services } from './services.ts'

/** Writes what waits and closes the database. Answers in one line what became of it. */
export function drain(services: Services, database: OpenDatabase): Promise<string> {
  return drainServices(services, () => closeDatabase(database))
}
