/**
 * The processes of I5: all of them live for the whole scenario, so that each run of each way meets the same warm code.
 *
 * @module
 */
import type { ConvoyWayName } from './convoy-way.ts'
import { expectLine, startProgram } from './program.ts'

/** What a process is told to do. */
export interface ConvoyTask {
  readonly way: ConvoyWayName
  /** In ms since the epoch, so that all begin together. */
  readonly beginAtMs: number
  readonly durationMs: number
  /** How long each write holds the lock: 0 for as long as it takes. */
  readonly holdMs: number
  /** Between two writes. */
  readonly thinkMs: number
}

/** What it met. */
export interface ConvoyFigures {
  /** The lock wait of each write, of those that failed as well. */
  readonly waitsMs: readonly number[]
  readonly longestHoldMs: number
  readonly failed: number
  readonly tookMs: number
  readonly cpuMs: number
  readonly loopGapMs: number
  readonly lockCycles: number
}

/** So that the last process has its database open before the first begins. */
const headStartMs = 250

/** The processes. */
export interface Convoy extends AsyncDisposable {
  /** Has all of them work at the same time; answers process by process. */
  run(task: (index: number) => Omit<ConvoyTask, 'beginAtMs'>): Promise<ConvoyFigures[]>
}

/** Starts so many processes on one file. */
export async function startConvoy(path: string, processes: number): Promise<Convoy> {
  await using starting = new AsyncDisposableStack()
  const programs = Array.from({ length: processes }, (_, index) =>
    starting.use(startProgram('convoy-program', path, String(index))),
  )
  for (const program of programs) await expectLine('a process of the convoy', program)
  const stack = starting.move()
  return {
    run(task) {
      const beginAtMs = Date.now() + headStartMs
      for (const [index, program] of programs.entries()) program.tell({ ...task(index), beginAtMs })
      return Promise.all(
        programs.map((program) => expectLine<ConvoyFigures>('a process of the convoy', program)),
      )
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
