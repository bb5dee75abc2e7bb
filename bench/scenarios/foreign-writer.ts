/**
 * A process that shares the database with the server: it writes in batches, and so holds the write lock in bursts.
 *
 * @module
 */
import { expectLine, startProgram } from './program.ts'

/** What the foreign process repeats until the run is over. */
export interface Bursts {
  /** How long a batch holds the lock, in milliseconds. */
  readonly holdMs: number
  /** Between two batches of a burst, in milliseconds. */
  readonly gapMs: number
  /** Batches in a burst. */
  readonly batches: number
  /** After a burst, in milliseconds. */
  readonly pauseMs: number
}

/** The foreign process, which runs and has not begun. */
export interface ForeignWriter extends AsyncDisposable {
  /** Begins the bursts. */
  begin(): void
  /** One longer batch as soon as possible. Resolves when it has the lock. */
  hold(holdMs: number): Promise<void>
  /** Ends it, with its database closed. */
  stop(): Promise<void>
}

/** Starts it. */
export async function startForeignWriter(path: string, bursts: Bursts): Promise<ForeignWriter> {
  const program = startProgram('foreign-writer-program', path, JSON.stringify(bursts))
  await expectLine('the foreign writer', program)
  return {
    begin: () => program.tell('begin'),
    async hold(holdMs) {
      program.tell({ holdMs })
      await expectLine('the foreign writer', program)
    },
    async stop() {
      program.endInput()
      await program.ended
    },
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  }
}
