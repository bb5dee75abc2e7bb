/**
 * What a write that waits for a foreign lock does to its process: how still the event loop stood, how reads fared, and
 * how long after the release the write was in.
 *
 * @module
 */
import type { Storage } from 'unbusy'
import type { AnyDatabase, CaseContext } from './case.ts'
import { watchLoop } from './loop-gaps.ts'
import { median } from './median.ts'
import { addNote, notes } from './note.ts'

/** Most holds: long enough to tell a wait that blocks from one that does not. */
const holdsMs = 400

export interface WaitReport {
  readonly worstGapMs: number
  /** From the release of the lock, by the holder's own clock, to the end of the write. */
  readonly lateMs: number
  readonly reads: number
  readonly slowestReadMs: number
}

/** One write that meets a lock held for `holdMs`, and reads beside it. */
async function waitFor(
  context: CaseContext,
  storage: Storage<AnyDatabase>,
  holdMs: number,
): Promise<WaitReport> {
  await using lock = await context.holdLock(holdMs)
  const writing = addNote(storage.db, `${holdMs} ${performance.now()}`).then(() => Date.now())
  const { result: doneAtMs, ...report } = await readUntil(storage, writing)
  return { ...report, lateMs: doneAtMs - (await lock.released) }
}

/** Reads, with pauses, until `end`, and looks how free the event loop is meanwhile. */
async function readUntil<T>(
  storage: Storage<AnyDatabase>,
  end: Promise<T>,
): Promise<Omit<WaitReport, 'lateMs'> & { readonly result: T }> {
  const loop = watchLoop()
  let isOver = false
  const ending = end.finally(() => {
    isOver = true
  })
  let reads = 0
  let slowestReadMs = 0
  while (!isOver) {
    const startMs = performance.now()
    await notes(storage.db)
    slowestReadMs = Math.max(slowestReadMs, performance.now() - startMs)
    if (!isOver) reads++
    await sleep(10)
  }
  return { result: await ending, worstGapMs: loop.worstGapMs(), reads, slowestReadMs }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

export interface WaitSet {
  readonly reports: readonly WaitReport[]
  /** What the median of the worst gaps may be. */
  readonly gapLimitMs: number
}

/**
 * Five runs. When the machine is busy with something else they are made again, each beside a run of the same length in
 * which nobody waits: its gaps are the machine's. A wait that blocks would show itself with its whole length.
 */
export async function waitFiveTimes(
  context: CaseContext,
  storage: Storage<AnyDatabase>,
  longestMs: number,
): Promise<WaitSet> {
  const reports: WaitReport[] = []
  for (const holdMs of [holdsMs, holdsMs, holdsMs, holdsMs, longestMs]) {
    reports.push(await waitFor(context, storage, holdMs))
  }
  let set: WaitSet = { reports, gapLimitMs: 20 }
  for (let more = 0; more < 2 && isDisturbed(set); more++) set = await waitBesideControls(context, storage)
  return set
}

async function waitBesideControls(context: CaseContext, storage: Storage<AnyDatabase>): Promise<WaitSet> {
  const reports: WaitReport[] = []
  const controls: number[] = []
  for (let run = 0; run < 5; run++) {
    controls.push((await readUntil(storage, sleep(holdsMs))).worstGapMs)
    reports.push(await waitFor(context, storage, holdsMs))
  }
  return { reports, gapLimitMs: Math.max(20, 1.5 * median(controls)) }
}

function isDisturbed({ reports, gapLimitMs }: WaitSet): boolean {
  const gaps = gapsOf(reports)
  return (
    median(gaps) > gapLimitMs || Math.max(...gaps) > 250 || median(reports.map(({ lateMs }) => lateMs)) > 15
  )
}

function gapsOf(reports: readonly WaitReport[]): number[] {
  return reports.map(({ worstGapMs }) => worstGapMs)
}
