/**
 * Writes through every path at once, until it is told to stop, and tells of each write that resolved.
 *
 * @module
 */
import { sql } from 'kysely'
import type { Storage } from 'unbusy'
import { say } from '../processes/worker.ts'
import { type Path, repeatedUsage, unitParts, upsertRows } from './messages.ts'

// biome-ignore lint/suspicious/noExplicitAny: the tables are those of schema.ts
type AnyStorage = Storage<any>

/** What a caller does again and again; `n` is a number of its own each time. */
type Deed = (n: number) => Promise<unknown>

/** Callers of one plain write after the other, half of them with a prepared one. */
const plainCallers = 8

/** A load that runs. */
export interface Load {
  /** Starts nothing new, and resolves once what has begun has been told. */
  stop(): Promise<void>
}

/** Starts all callers. What the process `before` appended with a key is appended again. */
export function startLoad(storage: AnyStorage, writer: number, before: number): Load {
  const counts = new Map<Path, number>()
  const callers: Promise<void>[] = []
  let isStopped = false

  const start = (path: Path, deed: Deed): void => {
    callers.push(
      (async () => {
        while (!isStopped) {
          const n = (counts.get(path) ?? 0) + 1
          counts.set(path, n)
          await deed(n)
          say(['done', path, n])
          await pause(Math.random() * 4)
        }
      })(),
    )
  }

  const { db } = storage
  const row = (path: Path, n: number, part = 0): object => ({ writer, path, n, part })
  const insert = storage.prepare((db, p: { n: number }) =>
    db.insertInto('log').values({ writer, path: 'write', n: p.n, part: 0 }),
  )
  for (let caller = 0; caller < plainCallers; caller++) {
    start('write', (n) =>
      caller % 2 === 0 ? insert({ n }) : db.insertInto('log').values(row('write', n)).execute(),
    )
  }
  start('batch', (n) =>
    storage.batch([
      ...parts().map((part) => db.insertInto('log').values(row('batch', n, part))),
      sql`update counter set n = n + 1 where name = 'batch'`.compile(db),
    ]),
  )
  for (let caller = 0; caller < 2; caller++) {
    start('transaction', (n) =>
      storage.write(async (trx) => {
        const counter = trx.selectFrom('counter').select('n').where('name', '=', 'transaction')
        const { n: count } = await counter.executeTakeFirstOrThrow()
        for (const part of parts())
          await trx
            .insertInto('log')
            .values(row('transaction', n, part))
            .execute()
        // Open for a moment, so that a kill falls into it.
        await pause(1)
        await trx
          .updateTable('counter')
          .set({ n: count + 1 })
          .where('name', '=', 'transaction')
          .execute()
      }),
    )
  }
  startUpserts(storage, writer, start)
  startBuffers(storage, writer, before, start)

  return {
    async stop() {
      isStopped = true
      await Promise.all(callers)
    },
  }
}

type Start = (path: Path, deed: Deed) => void

function startUpserts(storage: AnyStorage, writer: number, start: Start): void {
  const latest = storage.repository('latest', { key: ['writer', 'path', 'key'] })
  for (const path of ['sliced', 'atomic'] as const) {
    start(path, async (version) => {
      const rows = Array.from({ length: upsertRows }, (_, key) => ({ writer, path, key, version }))
      await latest.upsertMany(rows, { atomic: path === 'atomic' })
      await pause(20)
    })
  }
}

function startBuffers(storage: AnyStorage, writer: number, before: number, start: Start): void {
  const log = storage.append({ table: 'log', intervalMs: 5, maxBatch: 50 })
  start('append', async (n) => {
    log.push({ writer, path: 'append', n, part: 0 })
    await log.flush()
  })
  const usage = storage.append({ table: 'usage', idempotencyKey: 'key', intervalMs: 5 })
  // As a client does that has had no answer: the row must be there once, and the first one must stay.
  for (let n = 1; n <= repeatedUsage; n++) usage.push({ key: `${before}:${n}`, writer })
  start('usage', async (n) => {
    usage.push({ key: `${writer}:${n}`, writer })
    await usage.flush()
  })
  const people = storage.repository('presence', { key: 'key' })
  const presence = storage.coalesce({
    key: ({ key }: { key: string; version: number }) => key,
    flush: (values, context) => people.upsertMany(values, context),
    intervalMs: 5,
  })
  start('presence', async (version) => {
    for (let key = 0; key < 10; key++) presence.set({ key: `${writer}:${key}`, version })
    await presence.flush()
  })
}

function parts(): number[] {
  return Array.from({ length: unitParts }, (_, part) => part)
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
