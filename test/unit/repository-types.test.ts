/**
 * What the compiler lets a repository and an append queue take. The lines behind `@ts-expect-error` are the
 * test: `tsc` reads them.
 *
 * @module
 */
import type { ColumnType, Generated } from 'kysely'
import type { Storage } from 'unbusy'
import { expect, it } from 'vitest'

interface Database {
  session: {
    id: string
    seq: Generated<number>
    note: string | null
    created_at: ColumnType<number, number, never>
  }
  member: { team: string; user: number; role: string }
}

/** Never called: it only has to compile. */
export function takes(storage: Storage<Database>): unknown[] {
  const sessions = storage.repository('session', { key: 'id' })
  const members = storage.repository('member', { key: ['team', 'user'] })
  return [
    // @ts-expect-error: no such table
    storage.repository('nothing', { key: 'id' }),
    // @ts-expect-error: a column that may be NULL identifies no row
    storage.repository('session', { key: 'note' }),

    sessions.insertMany([
      { id: 'a', created_at: 1, note: null },
      { id: 'b', created_at: 2, seq: 3 },
    ]),
    // @ts-expect-error: created_at has no default
    sessions.insertMany([{ id: 'a' }]),
    sessions.upsertMany([{ id: 'a', created_at: 1 }], { merge: { seq: 'max', note: 'coalesce' } }),
    // @ts-expect-error: no such rule
    sessions.upsertMany([{ id: 'a', created_at: 1 }], { merge: { seq: 'min' } }),
    sessions.updateMany(
      [
        { id: 'a', note: 'x' },
        { id: 'b', seq: 1 },
      ],
      { onlyIfGreater: 'seq' },
    ),
    // @ts-expect-error: no key
    sessions.updateMany([{ note: 'x' }]),
    // @ts-expect-error: created_at is not updated
    sessions.updateMany([{ id: 'a', created_at: 1 }]),
    // @ts-expect-error: no such column
    sessions.updateMany([{ id: 'a' }], { onlyIfGreater: 'nothing' }),
    sessions.updateMany([{ id: 'a' }], { where: (eb) => eb('session.seq', '<', eb.ref('excluded.seq')) }),
    sessions.deleteMany(['a']),
    // @ts-expect-error: the key is text
    sessions.deleteMany([1]),

    members.updateMany([{ team: 't', user: 1, role: 'owner' }]),
    // @ts-expect-error: half of the key
    members.updateMany([{ team: 't', role: 'owner' }]),
    members.deleteMany([{ team: 't', user: 1 }]),
    // @ts-expect-error: half of the key
    members.deleteMany([{ team: 't' }]),
  ]
}

/** Never called: it only has to compile. */
export function appends(storage: Storage<Database>): unknown[] {
  const sessions = storage.append({ table: 'session', idempotencyKey: 'id', timestamp: 'created_at' })
  const waiting = storage.append({ table: 'session', overflow: 'wait', timestamp: 'created_at' })
  const untimed = storage.append({ table: 'session' })
  return [
    sessions.push({ id: 'a' }),
    sessions.push({ id: 'a', created_at: 1 }),
    // @ts-expect-error: the time is a number
    sessions.push({ id: 'a', created_at: 'now' }),
    // @ts-expect-error: only the time is filled in
    sessions.push({ created_at: 1 }),
    // @ts-expect-error: no such column
    sessions.push({ id: 'a', nothing: 1 }),
    waiting.push({ id: 'a' }).then(({ accepted }) => accepted),
    // @ts-expect-error: nobody fills in created_at
    untimed.push({ id: 'a' }),
    // @ts-expect-error: no such column
    storage.append({ table: 'session', timestamp: 'nothing' }),
  ]
}

it('Storage.append() is typed by the schema', () => {
  expect(appends).toBeTypeOf('function')
})

it('Repository is typed by the schema', () => {
  expect(takes).toBeTypeOf('function')
})
