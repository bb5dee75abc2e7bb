/** The doctor on real files with each defect, through every connector of this runtime. */
import { copyFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { DoctorCheck, DoctorReport } from 'unbusy'
import { holdLock } from 'unbusy/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { examineFile } from '../../src/tools/doctor.ts'
import { DoctorUsageError } from '../../src/tools/doctor-file.ts'
import { type ConnectorName, localConnectorNames } from '../contract/matrix.ts'
import { peerCommand, peerQuery } from '../processes/peer.ts'
import { copyOf, filesOf, makeSickFiles, removeFolders, type SickFile } from './sick-files.ts'

let sick: string
beforeAll(() => {
  sick = makeSickFiles()
})
afterAll(() => removeFolders([sick]))

/** What the system tells is Linux's /proc. */
const tellsHolders = process.platform === 'linux'

describe.each(localConnectorNames)('doctor with %s', (dialect) => {
  let folder: string
  beforeAll(() => {
    folder = copyOf(sick)
  })
  afterAll(() => removeFolders([folder]))

  const pathOf = (name: SickFile): string => join(folder, `${name}.db`)
  const examine = (name: SickFile): Promise<DoctorReport> =>
    examineFile({ file: pathOf(name), dialect, lockTimeoutMs: 100 })
  const isAffected = isInBugRange(dialect)

  it('finds nothing wrong with a sound file, and leaves nothing behind', async () => {
    const report = await examine('sound')

    expect(report.database).toBe(pathOf('sound'))
    expect(report.severity).toBe(isAffected ? 'warning' : 'info')
    const bad = report.checks.filter(({ severity }) => severity === 'warning' || severity === 'danger')
    expect(bad.map(({ name }) => name)).toEqual(isAffected ? ['sqlite-version'] : [])
    for (const name of ['file-system', 'journal-mode', 'foreign-keys', 'integrity', 'permissions']) {
      expect(checkOf(report, name), name).toBeDefined()
    }
    if (dialect !== 'libsql') expect(filesOf(folder, 'sound')).toEqual(['.db'])
  })

  it('tells of a WAL that a killed process left, and leaves it there where the driver can', async () => {
    expect(filesOf(folder, 'crashed')).toEqual(['.db', '.db-shm', '.db-wal'])

    const report = await examine('crashed')

    const check = checkOf(report, 'sidecar-files')
    expect(check?.severity).toBe(tellsHolders ? 'warning' : 'info')
    expect(check?.message).toContain('crashed.db-wal')
    expect(check?.advice).toMatch(/never delete it/)
    if (dialect === 'libsql') expect(checkOf(report, 'open')?.message).toMatch(/cannot open a file read-only/)
    else expect(filesOf(folder, 'crashed')).toEqual(['.db', '.db-shm', '.db-wal'])
    expect(checkOf(report, 'integrity')?.severity).toBe('ok')
    expect(await peerQuery(pathOf('crashed'), ['select a from t'])).toEqual([{ a: 1 }])
  })

  it('tells of a transaction that was cut off, without undoing it where the driver can', async () => {
    const report = await examine('cut-off')

    const check = checkOf(report, 'sidecar-files')
    expect(check?.severity).toBe(tellsHolders ? 'warning' : 'info')
    expect(check?.advice).toMatch(/Never delete it/)
    expect(filesOf(folder, 'cut-off')).toEqual(dialect === 'libsql' ? ['.db'] : ['.db', '.db-journal'])
    if (dialect !== 'libsql') {
      expect(checkOf(report, 'open')).toMatchObject({
        severity: 'warning',
        message: expect.stringMatching(/cut off in the middle/),
      })
    }
  })

  it('tells of rows whose foreign key leads nowhere', async () => {
    const check = checkOf(await examine('orphans'), 'foreign-keys')

    expect(check?.severity).toBe('warning')
    expect(check?.message).toBe('2 rows refer to a row that does not exist: child -> parent (2)')
    expect(check?.details).toMatchObject({ count: 2 })
  })

  it('tells of a damaged page, and goes on', async () => {
    const report = await examine('damaged')

    expect(report.severity).toBe('danger')
    expect(checkOf(report, 'integrity')).toMatchObject({
      severity: 'danger',
      advice: expect.stringMatching(/restore a backup/),
    })
    expect(checkOf(report, 'pages')?.severity).toBe('info')
  })

  it('tells of many damaged pages in a few words', async () => {
    const check = checkOf(await examine('rootless'), 'integrity')

    expect(check?.message).toMatch(
      /: quick_check says Tree 2 page 2: [^;]+; Page 3: [^;]+; Page 4: .+, and \d+ more$/,
    )
  })

  it('does not read the whole database when it is told so', async () => {
    const { checks } = await examineFile({ file: pathOf('damaged'), dialect, scan: false })

    expect(checks.find(({ name }) => name === 'foreign-keys')).toBeUndefined()
    expect(checks.find(({ name }) => name === 'integrity')?.severity).toBe('info')
  })

  it('tells of a rollback journal, and of a file with two names', async () => {
    const report = await examine('rollback')

    expect(checkOf(report, 'journal-mode')).toMatchObject({
      severity: 'warning',
      details: { mode: 'delete' },
    })
    expect(checkOf(report, 'wal')).toBeUndefined()
    expect(checkOf(report, 'file-names')).toMatchObject({ severity: 'danger', details: { nameCount: 2 } })
  })

  it('tells that a file is no database, and takes an empty one for a new one', async () => {
    const text = await examine('text')
    expect(checkOf(text, 'open')).toMatchObject({
      severity: 'danger',
      message: expect.stringMatching(/not a SQLite database/),
    })
    expect(text.severity).toBe('danger')

    expect(checkOf(await examine('empty'), 'pages')?.message).toMatch(/is empty/)
    expect(filesOf(folder, 'empty')).toEqual(['.db'])
  })

  it('names a reader in another process that pins the WAL', async () => {
    const path = pathOf('sound')
    await using _reader = await holdLock(path, 60_000, { command: peerCommand(), begin: 'deferred' })
    await peerQuery(path, ['insert into t values (zeroblob(6000000))'])

    const report = await examine('sound')

    const [open, wal] = [checkOf(report, 'open-files'), checkOf(report, 'wal')]
    if (tellsHolders) {
      expect(open?.message).toMatch(/^1 other process has the file open: \d+ \((node|bun), reading\)$/)
      expect(checkOf(report, 'sidecar-files')).toMatchObject({
        severity: 'ok',
        message: expect.stringMatching(/In use: -wal/),
      })
    }
    if (isAffected) {
      // On these engines a checkpoint beside others is what corrupts a file.
      expect(wal?.message).toMatch(/was not checkpointed as SQLite 3\.45/)
      expect(checkOf(report, 'sqlite-version')?.severity).toBe(tellsHolders ? 'danger' : 'warning')
    } else {
      expect(wal).toMatchObject({
        severity: 'warning',
        message: expect.stringMatching(/cannot be checkpointed as a reader/),
      })
      if (tellsHolders) expect(wal?.message).toMatch(/process \d+ \((node|bun), reading\)/)
    }
  })

  it('gives up on a lock, and says who has it', async () => {
    const path = pathOf('orphans')
    await peerQuery(path, ['pragma journal_mode = delete'])
    await using _lock = await holdLock(path, 60_000, { command: peerCommand(), begin: 'exclusive' })

    const report = await examine('orphans')

    expect(checkOf(report, 'open')).toMatchObject({
      severity: 'warning',
      message: expect.stringMatching(/stayed locked/),
    })
    if (tellsHolders) expect(checkOf(report, 'open-files')?.message).toMatch(/\((node|bun), exclusive\)/)
  })
})

describe('doctor', () => {
  it.skipIf(!tellsHolders)('tells of a process that writes to a file which was replaced', async () => {
    const folder = copyOf(sick)
    const path = join(folder, 'empty.db')
    await peerQuery(path, ['pragma journal_mode = delete', 'create table t (a)'])
    {
      await using _lock = await holdLock(path, 60_000, { command: peerCommand() })
      copyFileSync(join(sick, 'sound.db'), join(folder, 'other.db'))
      renameSync(join(folder, 'other.db'), path)

      const check = checkOf(await examineFile({ file: path }), 'open-files')

      expect(check).toMatchObject({
        severity: 'danger',
        message: expect.stringMatching(/deleted or replaced while it was open/),
      })
    }
    removeFolders([folder])
  })

  it.skipIf(!tellsHolders)(
    'leaves a WAL alone although a process uses a deleted file of that name',
    async () => {
      const folder = copyOf(sick)
      const path = join(folder, 'crashed.db')
      rmSync(`${path}-shm`)
      for (const suffix of ['', '-wal']) renameSync(`${path}${suffix}`, `${path}${suffix}.kept`)
      await peerQuery(path, ['create table t (a)'])
      {
        await using _lock = await holdLock(path, 60_000, { command: peerCommand() })
        for (const suffix of ['', '-wal']) renameSync(`${path}${suffix}.kept`, `${path}${suffix}`)

        await examineFile({ file: path })

        expect(filesOf(folder, 'crashed')).toContain('.db-wal')
      }
      removeFolders([folder])
    },
  )

  it.each([
    [':memory:', /storage\.doctor\(\)/],
    ['libsql://user:secret@db.example.com', /storage\.doctor\(\)/],
    ['/dev/null', /not a regular file/],
    ['no/such/file.db', /no such file/],
    ['.', /is a folder/],
    ['file:app.db?mode=ro', /query parameters/],
  ])('says why it cannot examine %s', async (file, reason) => {
    const error = await examineFile({ file }).catch((thrown: unknown) => thrown)

    expect(error).toBeInstanceOf(DoctorUsageError)
    expect((error as Error).message).toMatch(reason)
    expect((error as Error).message).not.toContain('secret')
  })

  it('tells of a -wal whose database is gone', async () => {
    const folder = copyOf(sick)
    renameSync(join(folder, 'crashed.db'), join(folder, 'elsewhere.db'))

    await expect(examineFile({ file: join(folder, 'crashed.db') })).rejects.toThrow(
      /never create a new one beside it/,
    )
    removeFolders([folder])
  })
})

function checkOf({ checks }: DoctorReport, name: string): DoctorCheck | undefined {
  return checks.find((check) => check.name === name)
}

function isInBugRange(dialect: ConnectorName): boolean {
  return dialect === 'libsql'
}
