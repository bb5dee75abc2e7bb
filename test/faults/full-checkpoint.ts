/**
 * Writes until a checkpoint finds no room for the database file to grow, goes on until the WAL finds none either, and then
 * with room again: the same for every way in which room can end.
 *
 * @module
 */
import { sql } from 'kysely'
import { openStorage, type StorageEvent, type StorageOptions } from 'unbusy'
import type { AnyDatabase } from '../contract/case.ts'
import { until } from '../contract/together.ts'

/** What it came to; every row is counted by its unique text. */
export interface FullCheckpointReport {
  /** What the storage told until there was room again: the kind of each event, the class and code of its error. */
  readonly told: readonly string[]
  /** Rows of writes that were acknowledged after that, without room for a checkpoint. */
  readonly acknowledged: number
  /** Class and code of the errors that writes met when the WAL could not grow either. */
  readonly refused: readonly string[]
  /** Whether `stats()` went on to show the last checkpoint that worked. */
  readonly keptLastCheckpoint: boolean
  /** What the storage told after there was room again. */
  readonly toldLater: readonly string[]
  /** What a checkpoint after that left in the WAL, in frames. */
  readonly leftFrames: number
  readonly integrity: string
  readonly stored: number
  readonly distinct: number
  readonly expected: number
}

/** Small, so that the database file meets the limit while the WAL is far from it. */
const checkpointWalBytes = 128 * 1024
const rowBytes = 8_000
const mostRows = 2_000

/** Runs it all on a storage of its own, which it closes. @param makeRoom Ends the shortage; the storage stays open. */
export async function fillWhileCheckpointing(
  connector: StorageOptions['connector'],
  makeRoom: () => Promise<unknown>,
): Promise<FullCheckpointReport> {
  const events: StorageEvent[] = []
  await using storage = await openStorage<AnyDatabase>({
    connector,
    checkpointWalBytes,
    onWarning: (_, event) => event !== undefined && events.push(event),
  })
  const { db } = storage
  await sql`create table note (id integer primary key, text text unique, bytes blob)`.execute(db)
  let serial = 0
  let expected = 0
  const refused = new Set<string>()
  /** Whether it was acknowledged. */
  const insert = async (): Promise<boolean> => {
    try {
      const row = { text: `row ${serial++}`, bytes: new Uint8Array(rowBytes) }
      await db.insertInto('note').values(row).execute()
      expected++
      return true
    } catch (error) {
      refused.add(nameOf(error))
      return false
    } finally {
      // The worker answers in a turn of its own.
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }

  while (events.length === 0 && refused.size === 0 && serial < mostRows) await insert()
  const lastCheckpoint = storage.stats().wal.lastCheckpoint
  const expectedBefore = expected
  while (refused.size === 0 && serial < mostRows) await insert()
  const acknowledged = expected - expectedBefore
  // Long enough for the checkpoint to be tried again, after a write.
  const endMs = performance.now() + 400
  await until(async () => {
    await insert()
    return performance.now() > endMs
  })
  const told = events.splice(0).map(textOf)
  const keptLastCheckpoint = storage.stats().wal.lastCheckpoint === lastCheckpoint

  await makeRoom()
  // Those that SQLite runs in a commit, as with libsql, are not seen: they have had their time after so many rows.
  const isSeen = connector.openCheckpointWorker !== undefined
  const isDone = (): boolean => !isSeen || storage.stats().wal.lastCheckpoint !== lastCheckpoint
  for (let rest = (2 * checkpointWalBytes) / rowBytes; rest > 0 || !isDone(); rest--) {
    const isWritten = await insert()
    if (!isWritten || rest < -mostRows)
      throw new Error(`No way back: ${[...refused].join()}, rows to go: ${rest}`)
  }
  const { rows: left } = await sql<{
    log: number
    checkpointed: number
  }>`pragma wal_checkpoint(passive)`.execute(db)
  const { rows: checks } = await sql<{ integrity_check: string }>`pragma integrity_check`.execute(db)
  const { rows: counts } = await sql<{ stored: number; distinct_: number }>`
    select count(*) as stored, count(distinct text) as distinct_ from note`.execute(db)
  return {
    told,
    acknowledged,
    refused: [...refused],
    keptLastCheckpoint,
    toldLater: events.map(textOf),
    leftFrames: (left[0]?.log ?? -1) - (left[0]?.checkpointed ?? 0),
    integrity: checks.map(({ integrity_check }) => integrity_check).join(),
    stored: counts[0]?.stored ?? -1,
    distinct: counts[0]?.distinct_ ?? -1,
    expected,
  }
}

function textOf(event: StorageEvent): string {
  return 'error' in event ? `${event.kind} ${nameOf(event.error)}` : event.kind
}

function nameOf(error: unknown): string {
  const { name, code } = error as { name: string; code?: string }
  return `${name} ${code}`
}
