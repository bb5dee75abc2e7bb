/**
 * A page of the database is damaged: whoever meets it is told so by a typed error, once, and everything else works.
 *
 * @module
 */
import { open as openFile } from 'node:fs/promises'
import { sql } from 'kysely'
import { CorruptDatabaseError, retryWhileBusy, type Storage } from 'unbusy'
import { expect } from 'vitest'
import { type AnyDatabase, type CaseContext, describeContract } from '../contract/case.ts'
import { rejection } from '../contract/note.ts'
import { stranger } from './stranger.ts'

/** Makes two tables and overwrites the root page of one, while nobody has the file open. */
async function openDamaged({ path, open }: CaseContext): Promise<Storage<AnyDatabase>> {
  const [row] = await stranger(
    path,
    'pragma journal_mode = wal',
    'create table healthy (id integer primary key, text text)',
    "insert into healthy (text) values ('before')",
    'create table damaged (id integer primary key, text text)',
    "insert into damaged (text) values ('lost')",
    "select rootpage, page_size from sqlite_schema, pragma_page_size where name = 'damaged'",
  )
  const size = Number(row?.page_size)
  const file = await openFile(path, 'r+')
  await file.write(new Uint8Array(size).fill(0xa5), 0, size, (Number(row?.rootpage) - 1) * size)
  await file.close()
  return open()
}

const add = ({ db }: Storage<AnyDatabase>, table: string, text = 'x'): Promise<unknown> =>
  db.insertInto(table).values({ text }).execute()

describeContract('a corrupt page', [
  {
    name: 'reads and writes of that table reject with CorruptDatabaseError, others are stored, nothing is tried again',
    async run(context) {
      const storage = await openDamaged(context)
      const { db } = storage
      const before = storage.stats().lockCycles

      const errors = [
        await rejection(add(storage, 'damaged')),
        await rejection(storage.batch([db.insertInto('damaged').values({ text: 'x' })])),
        await rejection(storage.write((trx) => trx.insertInto('damaged').values({ text: 'x' }).execute())),
        await rejection(db.selectFrom('damaged').selectAll().execute()),
        await rejection(db.selectFrom('damaged').selectAll().stream()[Symbol.asyncIterator]().next()),
      ]
      const cycles = storage.stats().lockCycles - before
      let calls = 0
      errors.push(
        await rejection(
          retryWhileBusy(() => {
            calls++
            return add(storage, 'damaged')
          }),
        ),
      )

      for (const error of errors) expect(error).toBeInstanceOf(CorruptDatabaseError)
      for (const error of errors) expect(error).toMatchObject({ resultCode: 11 })
      expect(cycles).toBeLessThanOrEqual(3)
      expect(calls).toBe(1)

      const group = await Promise.allSettled(
        Array.from({ length: 20 }, (_, index) => add(storage, index % 4 === 0 ? 'damaged' : 'healthy')),
      )
      expect(group.filter(({ status }) => status === 'rejected')).toHaveLength(5)
      const { rows } = await sql<{ n: number }>`select count(*) as n from healthy`.execute(db)
      expect(rows).toEqual([{ n: 16 }])
      await storage.close()
      expect(await stranger(context.path, 'select count(*) as n from healthy')).toEqual([{ n: 16 }])
    },
  },
  {
    name: 'a buffer keeps what it cannot write, and close() does not wait for a cure',
    async run(context) {
      const storage = await openDamaged(context)
      const errors: unknown[] = []
      const damaged = storage.append({ table: 'damaged', onError: (error: unknown) => errors.push(error) })
      const healthy = storage.append({ table: 'healthy' })
      for (let index = 0; index < 20; index++) {
        damaged.push({ text: `row ${index}` })
        healthy.push({ text: `row ${index}` })
      }

      const startedAtMs = performance.now()
      const report = await storage.close()

      expect(report.unwrittenRows).toBe(20)
      expect(errors[0]).toBeInstanceOf(CorruptDatabaseError)
      expect(performance.now() - startedAtMs).toBeLessThan(10_000)
      expect(await stranger(context.path, 'select count(*) as n from healthy')).toEqual([{ n: 21 }])
    },
  },
])
