/**
 * A writer in another language: Python's sqlite3, where there is one. It waits with SQLite's busy handler and counts what it
 * committed.
 *
 * @module
 */
import { fileURLToPath } from 'node:url'
import { expectLine, startCommand } from './program.ts'

/** What it did, by its own account. */
export interface PythonFigures {
  readonly attempted: number
  readonly committed: number
  readonly failed: number
}

/** The process, which writes. */
export interface PythonWriter extends AsyncDisposable {
  /** Ends it, and answers what it did. */
  stop(): Promise<PythonFigures>
}

/** Starts it; undefined where there is no Python, or one without sqlite3. */
export async function startPythonWriter(path: string, name: string): Promise<PythonWriter | undefined> {
  const program = startCommand(
    'python3',
    fileURLToPath(new URL('python-writer.py', import.meta.url)),
    path,
    name,
  )
  if ((await program.next()) !== 'ready') {
    await program[Symbol.asyncDispose]()
    return undefined
  }
  return {
    async stop() {
      program.endInput()
      const figures = await expectLine<PythonFigures>('the writer in Python', program)
      await program.ended
      return figures
    },
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  }
}
