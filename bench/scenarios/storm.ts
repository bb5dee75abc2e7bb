/**
 * One exit storm of I3: processes that serve a session each, two of which have taken over the session of another one, and
 * that are all told to end within 100 ms, while strangers write to the same file.
 *
 * @module
 */
import { stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { startForeignWriter } from './foreign-writer.ts'
import { type Program, startBunProgram } from './program.ts'
import { type PythonFigures, startPythonWriter } from './python-writer.ts'
import type { Side } from './scenario.ts'

/** What a process is told. */
export type StormOrder = { readonly what: 'register' } | { readonly what: 'leave'; readonly inMs: number }

/** What it met, by its own account. */
export interface StormFigures {
  readonly attempted: number
  /** The events that it was told are stored. */
  readonly acknowledged: readonly string[]
  readonly failed: number
  readonly latenciesMs: readonly number[]
  readonly loopGapMs: number
  readonly lockCycles: number
  /** Whether it still was who serves its session, when it left; null if that could not be asked. */
  readonly wasRegistered: boolean | null
}

/** One storm. */
export interface StormOutcome {
  /** Process by process. */
  readonly figures: readonly StormFigures[]
  /** From the order to leave until the process had ended, process by process. */
  readonly exitsMs: readonly number[]
  /** Processes that did not end by themselves. */
  readonly killed: number
  /** Successors whose row their predecessor deleted. */
  readonly successorsDeleted: number
  /** Whether a `-wal` lay there when all had ended. */
  readonly leftWal: boolean
  /** Absent where there is no Python. */
  readonly python?: PythonFigures
}

/** How big it is. */
export interface StormPlan {
  readonly processes: number
  /** The last so many processes take over the sessions of the first. */
  readonly successors: number
  /** Between the first heartbeat and the end. */
  readonly runMs: number
}

/** All of them are told to leave within this time. */
const exitWithinMs = 100
/** A process that has not ended then is killed. */
const patienceMs = 20_000
/** What the strangers do: they hold the lock most of the time, as somebody who imports something does. */
const bursts = { holdMs: 20, gapMs: 8, batches: 1_000, pauseMs: 0 }

/** @param name Of this storm; no two of a database may have the same. */
export async function runStorm(
  side: Side,
  path: string,
  name: string,
  plan: StormPlan,
): Promise<StormOutcome> {
  const { processes, successors, runMs } = plan
  await using stack = new AsyncDisposableStack()
  const starting = [startForeignWriter(path, bursts), startPythonWriter(path, `${name}-python`)] as const
  const programs = Array.from({ length: processes }, (_, index) => {
    const session = `session-${index % (processes - successors)}`
    const offsetMs = String(index * 7)
    return stack.use(startBunProgram('storm-program', side, path, session, `${name}-${index}`, offsetMs))
  })
  const foreign = stack.use(await starting[0])
  const python = await starting[1]
  if (python !== undefined) stack.use(python)
  for (const program of programs) await program.next()
  foreign.begin()
  // One after the other, so that it is known who has taken over from whom.
  for (const program of programs) {
    program.tell({ what: 'register' } satisfies StormOrder)
    await program.next()
  }
  await sleep(runMs)
  const leaving = programs.map((program, index) => leave(program, (index * exitWithinMs) / processes))
  await sleep(exitWithinMs / 2)
  const [pythonFigures] = await Promise.all([python?.stop(), foreign.stop()])
  const left = await Promise.all(leaving)
  const figures = left.map((it) => it.figures)
  return {
    figures,
    exitsMs: left.map(({ exitMs }) => exitMs),
    killed: left.filter(({ endedByItself }) => !endedByItself).length,
    successorsDeleted: figures.slice(processes - successors).filter((it) => it.wasRegistered === false)
      .length,
    leftWal: await exists(`${path}-wal`),
    ...(pythonFigures !== undefined && { python: pythonFigures }),
  }
}

async function leave(
  program: Program,
  inMs: number,
): Promise<{ figures: StormFigures; exitMs: number; endedByItself: boolean }> {
  const toldAtMs = performance.now()
  program.tell({ what: 'leave', inMs } satisfies StormOrder)
  const killer = setTimeout(() => program.kill('SIGKILL'), patienceMs)
  const figures = (await program.next<StormFigures>()) ?? deadProcess
  const code = await program.ended
  clearTimeout(killer)
  return { figures, exitMs: performance.now() - toldAtMs - inMs, endedByItself: code === 0 }
}

/** What can be said of one that could not even tell. */
const deadProcess: StormFigures = {
  attempted: 1,
  acknowledged: [],
  failed: 1,
  latenciesMs: [],
  loopGapMs: 0,
  lockCycles: 0,
  wasRegistered: null,
}

async function exists(path: string): Promise<boolean> {
  // Only asked for: nothing may open the files of a database that somebody could still use.
  return stat(path).then(
    () => true,
    () => false,
  )
}
