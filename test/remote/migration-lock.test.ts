/**
 * The migration lock where the server is slow, or away for one of those who want it.
 *
 * @module
 */
import { sql } from 'kysely'
import { OutcomeUnknownError } from 'unbusy'
import { describe, expect, it } from 'vitest'
import { MigrationLock } from '../../src/migration-lock.ts'
import { migrationLockTable } from '../../src/transactions/migration-lock-row.ts'
import { rejection } from '../contract/note.ts'
import { run } from '../contract/run-sql.ts'
import { transports, useServer } from './remote-storage.ts'

const remote = useServer()
const times = { leaseMs: 600, renewEveryMs: 20, watchMs: 300 }

describe.each(transports)('C14 the migration lock over %s', (transport) => {
  it('is taken over from an owner that is dead, however slow the server is', async () => {
    const storage = await remote.open(transport)
    await storage.db.connection().execute(async (handle) => {
      const first = await MigrationLock.acquire(handle, 'test', times)
      await first.release()
      await run(
        handle,
        `insert into ${migrationLockTable} (name, owner, expires_at) values ('test', 'dead', 1)`,
      )
      // A look at the row takes longer than a third of the time to watch.
      const fault = { kind: 'delay', when: 'before', ms: 80 } as const
      await remote.server.faults({ random: { seed: 1, rate: 1, faults: [fault] } })

      const second = await MigrationLock.acquire(handle, 'test', times)

      await second.release()
    })
  })
})

describe('C14 the migration lock', () => {
  it('lets no statement run when it could not be renewed for so long that another may have it', async () => {
    const storage = await remote.open('http')
    const other = await remote.open('http')
    const migrating = storage.db.connection().execute(async (handle) => {
      const lock = await MigrationLock.acquire(handle, 'test', times)
      const fault = { kind: 'drop', when: 'before' } as const
      const matching = `update ${migrationLockTable} set expires_at`
      await remote.server.faults({ script: [{ fault, matching, times: 1_000 }] })
      await new Promise((resolve) => setTimeout(resolve, 2 * times.watchMs))
      await run(
        other.db,
        `update ${migrationLockTable} set owner = 'another'`,
        'create table thing (n integer)',
      )

      expect(await rejection(run(handle, 'drop table thing'))).toBeInstanceOf(OutcomeUnknownError)

      await remote.server.faults({})
      await lock.release()
    })

    await expect(migrating).rejects.toThrow('another process took the migration lock over')
    expect((await sql`select * from thing`.execute(other.db)).rows).toEqual([])
  })
})
