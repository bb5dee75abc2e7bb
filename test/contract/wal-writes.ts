/**
 * Writes that fill the WAL.
 *
 * @module
 */
import { type Kysely, sql } from 'kysely'
import type { OnWarning, Storage, StorageEvent } from 'unbusy'
import type { AnyDatabase } from './case.ts'

/** A WAL of so many bytes is to be checkpointed: small, so that a case needs few writes. */
export const smallWalBytes: number = 64 * 1024

/** Creates the table `page`, each row of which fills about one page. */
export async function createPages(db: Kysely<AnyDatabase>): Promise<void> {
  await sql`create table page (id integer primary key, content blob)`.execute(db)
}

/** Adds a row in a transaction of its own: about 8 KB of WAL, with the page above it. */
export async function addPage(db: Kysely<AnyDatabase>): Promise<void> {
  await sql`insert into page (content) values (zeroblob(3500))`.execute(db)
}

/** How many there are. */
export async function countPages(db: Kysely<AnyDatabase>): Promise<number> {
  const { n } = await db
    .selectFrom('page')
    .select((eb) => eb.fn.countAll<number>().as('n'))
    .executeTakeFirstOrThrow()
  return n
}

/** Writes, with a turn of the event loop after each, until it holds; fails after 15 s. Answers how many rows it added. */
export async function writeUntil(db: Kysely<AnyDatabase>, holds: () => boolean): Promise<number> {
  let count = 0
  for (const endMs = performance.now() + 15_000; !holds(); count++) {
    if (performance.now() > endMs) throw new Error(`It did not become true within 15 s: ${holds}`)
    await addPage(db)
    // Not as fast as it can: a case that waits for a second would write a hundred megabytes.
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  return count
}

/** Collects what a storage tells. */
export function eventLog(): {
  readonly events: StorageEvent[]
  readonly messages: string[]
  readonly onWarning: OnWarning
} {
  const events: StorageEvent[] = []
  const messages: string[] = []
  return {
    events,
    messages,
    onWarning(message, event) {
      if (event === undefined || event.kind === 'long-transaction') return
      messages.push(message)
      events.push(event)
    },
  }
}

/** Adds so many rows with four callers that do not pause. Answers how large the WAL was at most, in bytes. */
export async function writePages(storage: Storage<AnyDatabase>, count: number): Promise<number> {
  let largest = 0
  const callers = 4
  const write = async (): Promise<void> => {
    for (let row = 0; row < count / callers; row++) {
      await addPage(storage.db)
      largest = Math.max(largest, storage.stats().wal.bytes)
    }
  }
  await Promise.all(Array.from({ length: callers }, write))
  return largest
}
