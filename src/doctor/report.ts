/**
 * What a doctor answers: one list of checks, read by people and by machines.
 *
 * @module
 */

/** How bad a finding is, in rising order: `warning` wants attention, `danger` can cost data. */
export type DoctorSeverity = 'ok' | 'info' | 'warning' | 'danger'

/** What one check found. */
export interface DoctorCheck {
  /** What was looked at, such as `journal-mode`; the same word in every version of this library. */
  readonly name: string
  readonly severity: DoctorSeverity
  /** What is, in one sentence. */
  readonly message: string
  /** Why it matters and what to do. */
  readonly advice?: string
  /** The figures behind the sentence; bytes, milliseconds and counts by their names. */
  readonly details?: Readonly<Record<string, unknown>>
}

/** The answer of `storage.doctor()` and of `npx unbusy doctor --json`. */
export interface DoctorReport {
  /** Where the database is; never holds a secret. */
  readonly database: string
  readonly checks: readonly DoctorCheck[]
  /** The worst of the checks. */
  readonly severity: DoctorSeverity
}

const bySeverity: readonly DoctorSeverity[] = ['ok', 'info', 'warning', 'danger']

/** Sums checks up. */
export function reportOf(database: string, checks: readonly DoctorCheck[]): DoctorReport {
  const worst = Math.max(0, ...checks.map(({ severity }) => bySeverity.indexOf(severity)))
  return { database, checks, severity: bySeverity[worst] as DoctorSeverity }
}
