/**
 * C1: opening a settled database needs no write lock.
 *
 * @runs-alone it measures how long an opening takes
 */
import { sql } from 'kysely'
import { expect } from 'vitest'
import { type ContractCase, describeContract } from './case.ts'
import { median } from './median.ts'

const cases: ContractCase[] = [
  {
    name: 'C1 a settled database opens, reads and closes in no time while another process holds the write lock',
    async run({ open, holdLock }) {
      const first = await open()
      await sql`create table t (a)`.execute(first.db)
      await first.close()
      const openFiveTimes = async (): Promise<number> => {
        const openedMs: number[] = []
        for (let run = 0; run < 5; run++) {
          const startMs = performance.now()
          const storage = await open({ lockTimeoutMs: 0 })
          openedMs.push(performance.now() - startMs)
          expect((await sql`select a from t`.execute(storage.db)).rows).toEqual([])
          await storage.close()
        }
        return median(openedMs)
      }
      const unhinderedMs = await openFiveTimes()
      await using lock = await holdLock(20_000)
      expect(await openFiveTimes()).toBeLessThan(Math.max(100, 3 * unhinderedMs))
      await lock.release()
    },
  },
]

describeContract('settled database', cases)
