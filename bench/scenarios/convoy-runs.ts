/**
 * The runs of I5: each round runs every phase every way, one after the other, so that what the machine does meanwhile meets
 * all of them.
 *
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type ConvoyFigures, startConvoy } from './convoy.ts'
import type { ConvoyWayName } from './convoy-way.ts'

/** What the processes do in a run. */
export interface ConvoyPhase {
  readonly name: string
  readonly durationMs: number
  /** How long the first process holds the lock, and then lets go of it for as long; 0 if it does as the others. */
  readonly slowHoldMs: number
  /** Between two writes of the others. */
  readonly thinkMs: number
}

/** How much of it. */
export interface ConvoyPlan {
  readonly processes: number
  readonly rounds: number
  /** How long they write each way before that, so that all code is compiled: a server has been running for a while. */
  readonly warmUpMs: number
  readonly phases: readonly ConvoyPhase[]
}

/** One run. */
export interface ConvoyRun {
  readonly way: ConvoyWayName
  readonly phase: string
  /** Process by process. */
  readonly figures: readonly ConvoyFigures[]
  /** How many writes the database has more than before. */
  readonly stored: number
}

const ways: readonly ConvoyWayName[] = ['busy handler', 'retries', 'new']

/** @param onRun Called before each run. */
export async function runConvoy(
  { processes, rounds, warmUpMs, phases }: ConvoyPlan,
  onRun: (run: Pick<ConvoyRun, 'way' | 'phase'>) => void,
): Promise<ConvoyRun[]> {
  const folder = await mkdtemp(join(tmpdir(), 'unbusy-scenario-'))
  try {
    const path = join(folder, 'convoy.db')
    createCounters(path, processes)
    await using convoy = await startConvoy(path, processes)
    const runs: ConvoyRun[] = []
    for (const way of ways) await convoy.run(() => ({ way, durationMs: warmUpMs, holdMs: 0, thinkMs: 0 }))
    let storedBefore = readCounters(path)
    for (let round = 0; round < rounds; round++) {
      for (const { name: phase, durationMs, slowHoldMs, thinkMs } of phases) {
        for (const way of rotated(ways, round)) {
          onRun({ way, phase })
          const figures = await convoy.run((index) => {
            const isSlow = index === 0 && slowHoldMs > 0
            return {
              way,
              durationMs,
              holdMs: isSlow ? slowHoldMs : 0,
              thinkMs: isSlow ? slowHoldMs : thinkMs,
            }
          })
          const storedNow = readCounters(path)
          runs.push({ way, phase, figures, stored: storedNow - storedBefore })
          storedBefore = storedNow
        }
      }
    }
    return runs
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function rotated<T>(items: readonly T[], by: number): T[] {
  const start = by % items.length
  return [...items.slice(start), ...items.slice(0, start)]
}

function createCounters(path: string, processes: number): void {
  const database = new DatabaseSync(path)
  database.exec('pragma journal_mode = wal')
  database.exec('create table counter (writer integer primary key, n integer not null)')
  const insert = database.prepare('insert into counter values (?, 0)')
  for (let writer = 0; writer < processes; writer++) insert.run(writer)
  database.close()
}

/** Another driver than that of the processes, none of which has the file open between two runs. */
function readCounters(path: string): number {
  const database = new DatabaseSync(path)
  const row = database.prepare('select sum(n) as total from counter').get()
  database.close()
  return Number(row?.total)
}
