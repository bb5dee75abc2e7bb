/**
 * What a test run says about itself to the runner: lines of JSON in a file, written by the reporter inside the
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

/** A test, or a file of them, that begins, ends or fails: it tells where a run hung that never finished. */
export interface Progress {
  readonly name: string
  readonly event: 'begins' | 'ends' | 'fails'
}

/** What a tally file says. */
export interface TallyFile {
  /** One for each finished run. */
  readonly tallies: readonly Tally[]
  /** What failed, in its order: where a run hangs, the first of them may say why. */
  readonly failed: readonly string[]
  /** What began and never ended. */
  readonly unfinished: readonly string[]
}

/** Adds a line to the file. */
export function appendTally(file: string, line: Tally | Progress): void {
  appendFileSync(file, `${JSON.stringify(line)}\n`)
}

/** Reads the whole file; an absent one is of a run that never began. */
export function readTallyFile(file: string): TallyFile {
  const tallies: Tally[] = []
  const failed: string[] = []
  const unfinished = new Set<string>()
  for (const line of existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []) {
    if (line === '') continue
    const content = JSON.parse(line) as Tally | Progress
    if (!('event' in content)) tallies.push(content)
    else if (content.event === 'begins') unfinished.add(content.name)
    else unfinished.delete(content.name)
    if ('event' in content && content.event === 'fails') failed.push(content.name)
  }
  return { tallies, failed, unfinished: [...unfinished] }
}
