/**
 * The end of a storage's connections, also of those whose files were deleted or replaced under them.
 *
 * @module
 */
import type { PatientConnection } from './connection.ts'
import type { Connector } from './connector.ts'
import type { Clock } from './lock-wait.ts'

/** The process that deletes the files closes the database just then; by now it has given its lock back. */
const othersCloseMs = 500

/** Not even the garbage collector may close these. */
const kept = new Set<PatientConnection>()

/** Closes the last connection, and what the connector holds on to. */
export async function disconnect(connector: Connector, writer: PatientConnection): Promise<void> {
  await writer.close()
  await connector.close?.()
}

/**
 * Closes a writer whose files are lost, soon and at most once. At its close SQLite copies into the database what was
 * committed while the files went, if it finds nobody else there. But if others have written since, that copy would
 * damage what they wrote: then the writer stays open to the end of the process, and never writes again.
 *
 * A checkpoint of our own that was running when the files went cannot be told from a backup that is copied over the
 * database in that time, so it counts as what others wrote: some milliseconds of commits are lost with the process.
 */
export async function letGo(connector: Connector, clock: Clock, writer: PatientConnection): Promise<void> {
  await new Promise<void>((resolve) => {
    clock.schedule(othersCloseMs, resolve)
  })
  if (connector.fileWatch?.isUntouched() === false) kept.add(writer)
  else await disconnect(connector, writer)
}
