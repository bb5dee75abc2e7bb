/**
 * What a caller of the soak does, and what it works with.
 *
 * @module
 */
import type { Connector, Storage } from 'unbusy'

// biome-ignore lint/suspicious/noExplicitAny: the tables are made here
export type AnyStorage = Storage<any>

/** What one caller does. */
export interface Deed {
  readonly name: string
  /** The pause after each time, in ms, by chance up to twice as long. */
  readonly pauseMs: number
  /** @returns How many rows of unit `n` must be stored now, and under which other name it counts. */
  run(n: number): Promise<{ readonly rows: number; readonly as?: string }>
}

/** What the deeds work with. */
export interface DeedContext {
  readonly storage: AnyStorage
  readonly writer: number
  /** Opens the same file once more. */
  readonly connect: () => Promise<Connector>
  /** A signal that lives as long as the process and never aborts. */
  readonly signal: AbortSignal
}

/** What a row of the log carries. */
export const text: string = 'x'.repeat(120)
