/**
 * A process reads its own database with fs, and another opens and closes it: SQLite takes the first one for gone, and
 * deletes the WAL under it. Each connector in a process of its own that is killed in the end, as only then what was
 * written to a file without a name is lost.
 *
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type ConnectorName, connectorNames, runtime } from '../contract/matrix.ts'
import { startProgram } from '../processes/program.ts'
import { stranger, strangerOfOld } from './stranger.ts'

interface Counts {
  readonly acknowledged: number
  readonly refused: number
  readonly error: string
  readonly stored: number
}

/** @param mode `pause`: the process does not write while the WAL is deleted. */
async function lose(connector: ConnectorName, mode: 'pause' | 'go on'): Promise<Counts> {
  const folder = await mkdtemp(join(tmpdir(), 'unbusy-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'lost.db')
  await stranger(path, 'pragma journal_mode = wal', 'create table note (id integer primary key, text text)')
  await using program = startProgram('worker-lost-locks', { runtime, connector, path }, mode)
  expect(await program.next()).toBe('unlocked')
  await strangerOfOld(path)
  program.tell('go on')
  const counts = await program.next<Omit<Counts, 'stored'>>()
  program.kill()
  await program.ended
  const [row] = await stranger(
    path,
    'select count(*) as n, (select * from pragma_integrity_check) as check_ from note',
  )
  expect(row?.check_).toBe('ok')
  return { ...counts, stored: Number(row?.n) }
}

describe.each(connectorNames)(`a WAL that is deleted, on ${runtime} with %s`, (connector) => {
  it('is noticed by the next write: none is acknowledged, every one before is there after SIGKILL', async () => {
    const { acknowledged, stored, refused, error } = await lose(connector, 'pause')

    expect(acknowledged).toBe(1)
    expect(stored).toBe(1)
    expect(refused).toBeGreaterThanOrEqual(100)
    expect(error).toBe('FileReplacedError')
  })
})

// libSQL closes a connection when its statements are garbage, which on Bun may be at the end of the process.
describe.each(connectorNames.filter((name) => name !== 'libsql'))(
  `a WAL that is deleted in the middle of writes, on ${runtime} with %s`,
  (connector) => {
    it('is noticed, and what was acknowledged is there after the close of the storage', async () => {
      const { acknowledged, stored, refused, error } = await lose(connector, 'go on')

      expect(stored).toBeGreaterThanOrEqual(acknowledged)
      expect(stored).toBeLessThanOrEqual(acknowledged + refused)
      expect(error).toBe('FileReplacedError')
    })
  },
)
