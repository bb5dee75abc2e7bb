/**
 * A scenario: an incident, run the old way and our way, one after the other, on real servers.
 *
 * @module
 */
import type { RunOutcome } from './figures.ts'
import type { Bursts, ForeignWriter } from './foreign-writer.ts'
import type { Stored } from './stored.ts'

/** The two ways. */
export type Side = 'old' | 'new'

/** How long a scenario runs: at each size, on each side, so many rounds. */
export interface Plan {
  readonly sizes: readonly number[]
  readonly rounds: number
  /** In milliseconds. */
  readonly roundMs: number
}

/** A server under test, as the driver of a scenario sees it. */
export interface Target {
  readonly url: string
  readonly size: number
  /** How long to send requests, in milliseconds. */
  readonly durationMs: number
  readonly foreign: ForeignWriter
  /** Tells the server to end (SIGTERM). */
  terminate(): void
}

/** What the client was told, and how to judge it by what is stored. */
export interface Driven extends Pick<RunOutcome, 'attempted' | 'failed' | 'latenciesMs'> {
  judge(stored: Stored): Pick<RunOutcome, 'committed' | 'lost'>
}

/**
 * What our side must stay below, beside losing and failing nothing. Far above what it shows on a quiet machine, and far
 * below what the clients of the incident saw: a busy disk alone costs some hundred milliseconds.
 */
export interface Limits {
  readonly p99Ms: number
  readonly loopGapMs: number
}

/** An incident. */
export interface Scenario {
  readonly name: string
  /** What happens, in sentences for the reader of the table. */
  readonly story: readonly string[]
  /** What the sizes count. */
  readonly unit: string
  readonly plan: Plan
  readonly programs: Readonly<Record<Side, string>>
  readonly bursts: Bursts
  /** Sessions that are stored before a run of this size. */
  sessions(size: number): number
  /** Sends the requests, as a client does. */
  drive(target: Target): Promise<Driven>
  readonly limits: Limits
}
