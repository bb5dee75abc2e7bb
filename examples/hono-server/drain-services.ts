/**
 * The end of a server, whatever its database: what is buffered or queued is written, and what became of it is said in one
 * line.
 *
 * @module
 */
import type { CloseReport } from 'unbusy'
import type { Services } from './services.ts'

/** What came of closing a database. */
export interface ClosedDatabase {
  readonly report: CloseReport
  /** What is left of its WAL, in words. */
  readonly wal: string
}

/** Closes the database. Answers how much was written by that, and how much will never be. */
export async function drainServices(
  services: Services,
  close: () => Promise<ClosedDatabase>,
): Promise<string> {
  const before = services.figures()
  const { report, wal } = await close()
  const after = services.figures()

  const seen = (of: 'session' | 'machine'): number => after.presence[of].flushed - before.presence[of].flushed
  // Stored or not, as their own budgets were over: those who wait for them know.
  const answered = `${before.storage.queuedWrites - report.rejectedWrites} waiting writes`
  const written = [
    `${seen('session') + seen('machine')} heartbeats`,
    `${after.usage.flushed - before.usage.flushed} usage events`,
  ]
  const { session, machine } = after.presence
  const dropped = [
    `${report.rejectedWrites} writes`,
    `${report.revokedTransactions} transactions`,
    // Of the whole run: whoever reads the last line wants to know whether anything is missing.
    `${session.dropped + machine.dropped} heartbeats`,
    `${after.usage.dropped} usage events`,
  ]
  return `Drained: answered ${answered}; written ${written.join(', ')}; dropped ${dropped.join(', ')}; ${wal}`
}
