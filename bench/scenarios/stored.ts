/**
 * Makes the database of a run, and reads what is in it when the run is over.
 *
 * @module
 */
import { expectLine, startProgram } from './program.ts'

/** What the database holds: the truth that acknowledgements are judged by. */
export interface Stored {
  readonly machines: ReadonlySet<string>
  /** When each session was last active. */
  readonly sessions: ReadonlyMap<string, number>
  /** When each request was made whose usage is stored. */
  readonly usage: ReadonlyMap<string, number>
}

/** The same as JSON. */
export interface StoredLine {
  readonly machines: readonly string[]
  readonly sessions: readonly (readonly [id: string, lastActiveAtMs: number])[]
  readonly usage: readonly (readonly [id: string, createdAtMs: number])[]
}

/** Creates the file with its tables, and as many sessions. */
export async function createDatabase(path: string, sessions: number): Promise<void> {
  await using program = startProgram('create-database-program', path, String(sessions))
  await expectLine('the program that creates the database', program)
  await program.ended
}

/** Reads everything; no server may run any more. */
export async function readDatabase(path: string): Promise<Stored> {
  await using program = startProgram('read-database-program', path)
  const { machines, sessions, usage } = await expectLine<StoredLine>('the program that reads', program)
  await program.ended
  return { machines: new Set(machines), sessions: new Map(sessions), usage: new Map(usage) }
}
