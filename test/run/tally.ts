/**
 * What a test run says about itself to the runner: one line of JSON in a file, written by the reporter inside the
 * runtime under test and read by the script outside, because the text that vitest prints is for people.
 *
 * @module
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs'

/** The environment variable that names the tally file; without it the reporter stays silent. */
export const tallyFileVariable = 'UNBUSY_TALLY_FILE'

/** The runtime that a run really used. */
export type RuntimeName = 'node' | 'bun' | 'deno'

/** The counts of one finished run, and the names of what failed. */
export interface Tally {
  readonly runtime: RuntimeName
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly failures: readonly string[]
}

/** Adds the counts of a finished run to the file. */
export function appendTally(file: string, tally: Tally): void {
  appendFileSync(file, `${JSON.stringify(tally)}\n`)
}

/** Reads every tally of the file; an absent file is a run that never finished, and has none. */
export function readTallies(file: string): readonly Tally[] {
  if (!existsSync(file)) return []

  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Tally)
}
