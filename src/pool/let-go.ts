/**
 * The end of a storage's connections whose files were deleted or replaced under them.
 *
 * @module
 */
import type { Checkpoints } from '../checkpoint.ts'
import type { PatientConnection } from '../connection.ts'
import type { Connector } from '../connector.ts'
import type { UnbusyError } from '../errors.ts'
import type { Readers } from '../readers.ts'
import { type Clock, sleep } from '../time/clock.ts'

/** What has the files open, besides the writer. */
export interface LostHost {
  readonly connector: Connector
  readonly clock: Clock
  readonly readers: Readers
  readonly checkpoints: Checkpoints | undefined
}

/** The process that deletes the files closes the database just then; by now it has given its lock back. */
const othersCloseMs = 500

/** Not even the garbage collector may close these. */
const kept = new Set<PatientConnection>()

/**
 * Closes every connection but the writer. Who waits for one is refused with `error`.
 *
 * @returns Whether the writer may be closed, which is to be done at once.
 */
export async function letGo(host: LostHost, writer: PatientConnection, error: UnbusyError): Promise<boolean> {
  host.checkpoints?.stop()
  await host.readers.close(error)
  await host.checkpoints?.close()
  return mayClose(host, writer)
}

/**
 * A writer whose files are lost is closed soon, and at most once. At its close SQLite copies into the database what was
 * committed while the files went, if it finds nobody else there. But if others have written since, that copy would
 * damage what they wrote: then the writer stays open to the end of the process, and never writes again.
 *
 * A checkpoint of our own that was running when the files went cannot be told from a backup that is copied over the
 * database in that time, so it counts as what others wrote: some milliseconds of commits are lost with the process.
 */
async function mayClose({ connector, clock }: LostHost, writer: PatientConnection): Promise<boolean> {
  await sleep({ clock }, othersCloseMs)
  if (connector.fileWatch?.isUntouched() !== false) return true
  kept.add(writer)
  return false
}
