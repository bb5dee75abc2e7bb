/** What the doctor makes of facts that no test can bring about: file systems, versions, systems that do not tell. */
import { describe, expect, it } from 'vitest'
import type { FileFacts, FileHolder } from '../../src/connector/file-facts.ts'
import { checkFile } from '../../src/doctor/check-file.ts'
import { checkFileSystem } from '../../src/doctor/file-systems.ts'
import { checkDriverVersions, checkSqliteVersion } from '../../src/doctor/known-bugs.ts'
import { warnAboutSurroundings } from '../../src/doctor/opening-warnings.ts'
import { reportOf } from '../../src/doctor/report.ts'
import { connectorNames, connectorTo } from '../contract/matrix.ts'

describe('checkFileSystem', () => {
  it.each([
    [0x6969, 'danger', 'NFS'],
    [0xff534d42, 'danger', 'SMB'],
    [0xff534d42 | 0, 'danger', 'SMB'],
    [0xfe534d42, 'danger', 'SMB2'],
    [0x00c36400, 'danger', 'Ceph'],
    [0x01021997, 'danger', '9p'],
    [0x53464846, 'danger', 'WSL'],
    [0x65735546, 'warning', 'FUSE'],
    [0x794c7630, 'info', 'overlayfs'],
    [0x01021994, 'info', 'tmpfs'],
    [0xef53, 'ok', 'ext4'],
    [0x9123683e, 'ok', 'Btrfs'],
    [0x12345678, 'ok', '0x12345678'],
  ])('%i is %s: %s', (type, severity, name) => {
    const check = checkFileSystem(type)

    expect(check.severity).toBe(severity)
    expect(check.message).toContain(name)
    expect(check.advice === undefined).toBe(severity === 'ok')
  })

  it('says that it cannot tell where the system does not', () => {
    expect(checkFileSystem(undefined)).toMatchObject({ severity: 'info' })
  })
})

describe('checkDriverVersions', () => {
  it.each([
    ['kysely', '0.29.7', 'warning'],
    ['kysely', '0.29.8', 'ok'],
    ['kysely', '0.29.10', 'ok'],
    ['kysely', '0.30.0-beta.1', 'ok'],
    ['better-sqlite3', '12.11.1', 'ok'],
    ['better-sqlite3', '13.0.1', 'warning'],
    ['better-sqlite3', '13.0.2', 'ok'],
    ['libsql', '0.5.29', 'info'],
  ])('%s %s is %s', (name, version, severity) => {
    const checks = checkDriverVersions('any', [{ name, version }])

    expect(checks.map((check) => check.severity)).toEqual([severity])
    if (severity !== 'ok') expect(checks[0]?.advice).toContain('https://')
  })

  it('does not claim that versions are sound which it cannot see', () => {
    expect(checkDriverVersions('any', [])[0]?.severity).toBe('info')
  })
})

describe('checkSqliteVersion', () => {
  const file = { name: 'any', capabilities: { singleConnection: false, autocommit: true } }

  it.each([
    ['3.45.1', 0, 'warning'],
    ['3.45.1', 1, 'danger'],
    ['3.51.3', 1, 'ok'],
  ])('%s with %i other processes is %s', (version, others, severity) => {
    expect(checkSqliteVersion(file, version, others).severity).toBe(severity)
  })
})

describe('checkFile', () => {
  const facts: FileFacts = {
    path: '/data/app.db',
    sizeBytes: 4096,
    nameCount: 1,
    isWritable: true,
    folder: '/data',
    isFolderWritable: true,
    sidecars: [],
    holders: { processes: [], hiddenProcesses: 0 },
  }
  const wal = { suffix: '-wal', sizeBytes: 4152, isWritable: true } as const
  const holder: FileHolder = { pid: 7, command: 'node', isSelf: false, hasDeletedFile: false, activities: [] }
  const find = (changes: Partial<FileFacts>, name: string) =>
    checkFile({ ...facts, ...changes }).find((check) => check.name === name)

  it('is content with a file that nobody uses', () => {
    expect(checkFile(facts).map(({ severity }) => severity)).toEqual(['ok', 'ok', 'ok', 'ok'])
  })

  it('does not call a WAL left behind where the system does not tell who uses it', () => {
    const check = find({ sidecars: [wal], holders: undefined }, 'sidecar-files')
    expect(check).toMatchObject({ severity: 'info' })
    expect(check?.message).toContain('cannot be told')
    expect(find({ holders: undefined }, 'open-files')?.severity).toBe('info')
  })

  it('calls an empty -wal harmless, and one in use ordinary', () => {
    expect(find({ sidecars: [{ ...wal, sizeBytes: 0 }] }, 'sidecar-files')?.severity).toBe('info')
    const holders = { processes: [holder], hiddenProcesses: 0 }
    expect(find({ sidecars: [wal], holders }, 'sidecar-files')?.severity).toBe('ok')
  })

  it('says how many processes it could not look into', () => {
    const holders = { processes: [], hiddenProcesses: 12 }
    expect(find({ holders }, 'open-files')?.message).toContain('12 processes of other users')
  })

  it('names what this user may not write', () => {
    const sidecars = [{ ...wal, isWritable: false }]
    const check = find({ sidecars, isFolderWritable: false }, 'permissions')
    expect(check?.severity).toBe('warning')
    expect(check?.details).toEqual({ notWritable: ['/data', '/data/app.db-wal'] })
  })
})

describe('warnAboutSurroundings', () => {
  it('warns of a network file system once a file, and of nothing that is local', async () => {
    const [name] = connectorNames
    if (name === undefined) return
    const connector = await connectorTo(name, '/mnt/share/doctor-unit-test.db')
    const warnings: string[] = []
    const openOn = (type: number | undefined): void => {
      const file = { ...connector.file, fileSystemType: () => type } as NonNullable<typeof connector.file>
      warnAboutSurroundings({ ...connector, file }, (message) => warnings.push(message))
    }

    for (const type of [undefined, 0xef53, 0x794c7630, 0x65735546]) openOn(type)
    expect(warnings).toEqual([])
    openOn(0x6969)
    openOn(0x6969)

    expect(warnings).toEqual([
      expect.stringMatching(
        /^unbusy: \/mnt\/share\/doctor-unit-test\.db: The database is on NFS, .* Move the database/,
      ),
    ])
  })
})

describe('reportOf', () => {
  it('is as bad as the worst of its checks', () => {
    const check = (severity: 'ok' | 'info' | 'warning' | 'danger') => ({ name: 'any', severity, message: '' })
    expect(reportOf('app.db', []).severity).toBe('ok')
    expect(reportOf('app.db', [check('ok'), check('info')]).severity).toBe('info')
    expect(reportOf('app.db', [check('danger'), check('warning')]).severity).toBe('danger')
  })
})
