/** `storage.doctor()` on every connector: what is sound, what is dangerous, and that the storage works on. */
import { type DatabaseFile, type DoctorCheck, type DoctorReport, StorageClosedError } from 'unbusy'
import { expect } from 'vitest'
import { type ContractCase, describeContract } from './case.ts'
import { connectorTo } from './matrix.ts'
import { rejection } from './note.ts'
import { ownLocksOn } from './own-locks.ts'

const affected = 'libsql'

const cases: ContractCase[] = [
  {
    name: 'doctor() of a sound storage tells of nothing bad, sees this process, and lets it write on',
    async run({ connector, path, open }) {
      const storage = await open()
      await storage.db.schema.createTable('note').addColumn('id', 'integer').execute()
      await storage.db.insertInto('note').values({ id: 1 }).execute()
      const [report] = await Promise.all([
        storage.doctor(),
        storage.db.insertInto('note').values({ id: 2 }).execute(),
      ])

      expect(report.database).toBe(path)
      expect(bad(report).map(({ name }) => name)).toEqual(connector === affected ? ['sqlite-version'] : [])
      expect(checkOf(report, 'pragmas')).toMatchObject({
        severity: 'ok',
        details: { synchronous: 1, foreign_keys: 1 },
      })
      expect(checkOf(report, 'integrity')?.severity).toBe('ok')
      if (process.platform === 'linux') {
        const { details } = checkOf(report, 'open-files') ?? {}
        expect(details?.processes).toMatchObject([{ pid: process.pid, isSelf: true }])
        expect(checkOf(report, 'sidecar-files')?.message).toMatch(/^In use: -wal/)
      }
      expect(await storage.db.selectFrom('note').selectAll().execute()).toHaveLength(2)
    },
  },
  {
    name: 'doctor() opens the file nowhere beside SQLite: the locks of this process stay',
    async run({ path, open }) {
      if (process.platform !== 'linux') return
      const storage = await open()
      await storage.db.schema.createTable('note').addColumn('id', 'integer').execute()
      await storage.db.selectFrom('note').selectAll().execute()
      const before = ownLocks(path)
      expect(before).not.toEqual([])

      await storage.doctor()

      expect(ownLocks(path)).toEqual(before)
    },
  },
  {
    name: 'doctor() names this process when its own reader pins the WAL',
    async run({ connector, open }) {
      const storage = await open()
      await storage.db.schema.createTable('note').addColumn('id', 'integer').execute()
      const report = await storage.db
        .transaction()
        .setAccessMode('read only')
        .execute(async (trx) => {
          await trx.selectFrom('note').selectAll().execute()
          await storage.db.insertInto('note').values({ id: 1 }).execute()
          return storage.doctor()
        })

      const { message } = checkOf(report, 'wal') ?? {}
      if (connector === affected) expect(message).toMatch(/was not checkpointed/)
      else expect(message).toMatch(/cannot be checkpointed as a reader/)
      if (connector !== affected && process.platform === 'linux') {
        expect(message).toContain(`process ${process.pid} (this process, reading)`)
      }
    },
  },
  {
    name: 'C1 opening a file on a network file system warns, once for each file',
    async run({ connector: name, path, open }) {
      const connector = await connectorTo(name, path)
      const file = { ...connector.file, fileSystemType: () => 0x6969 } as DatabaseFile
      const warnings: string[] = []
      const options = {
        connector: { ...connector, file },
        onWarning: (message: string) => void warnings.push(message),
      }
      await open(options)
      await open(options)

      expect(warnings.filter((message) => message.includes('NFS'))).toEqual([
        expect.stringContaining(`unbusy: ${path}: The database is on NFS, a network file system`),
      ])
    },
  },
  {
    name: 'doctor() answers before the writes that wait for a lock',
    async run({ connector, open, holdLock }) {
      const storage = await open()
      await storage.db.schema.createTable('note').addColumn('id', 'integer').execute()
      await using lock = await holdLock(60_000)
      const write = storage.db.insertInto('note').values({ id: 1 }).execute()

      const report = await storage.doctor({ lockTimeoutMs: 1_000 })

      expect(storage.stats().queuedWrites).toBe(1)
      expect(bad(report).map(({ name }) => name)).toEqual(connector === affected ? ['sqlite-version'] : [])
      await lock.release()
      await write
    },
  },
  {
    name: 'doctor() does not wait for a transaction that stays open, and tells what it could not ask',
    async run({ open }) {
      const storage = await open()
      const { promise: ended, resolve: end } = Promise.withResolvers<void>()
      const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
      const transaction = storage.write(async () => {
        begin()
        await ended
      })
      await begun

      const report = await storage.doctor({ lockTimeoutMs: 30 })

      expect(checkOf(report, 'pragmas')?.severity).toBe('warning')
      expect(checkOf(report, 'pragmas')?.message).toMatch(/^The database stayed locked/)
      expect(checkOf(report, 'journal-mode')?.severity).toBe('ok')
      expect(checkOf(report, 'integrity')?.severity).toBe('ok')
      end()
      await transaction
    },
  },
  {
    name: 'doctor() tells of a foreign key that no row can fulfil',
    async run({ open }) {
      const storage = await open()
      await storage.db.schema.createTable('parent').addColumn('id', 'integer').execute()
      await storage.db.schema
        .createTable('child')
        .addColumn('parent_id', 'integer', (column) => column.references('parent.id'))
        .execute()

      const check = checkOf(await storage.doctor(), 'foreign-keys')

      expect(check).toMatchObject({ severity: 'warning' })
      expect(check?.message).toMatch(/foreign key mismatch/)
    },
  },
  {
    name: 'doctor() tells of synchronous = OFF, of keys that are not checked, and of another process',
    async run({ connector, open, holdLock }) {
      const storage = await open({ pragmas: { synchronous: 'off', foreign_keys: 'off' } })
      await storage.db.schema
        .createTable('note')
        .addColumn('parent_id', 'integer', (column) => column.references('note.rowid'))
        .execute()
      await using _lock = await holdLock(60_000)
      const report = await storage.doctor({ scan: false })

      expect(checkOf(report, 'pragmas')).toMatchObject({ severity: 'danger' })
      expect(checkOf(report, 'pragmas')?.message).toMatch(/synchronous is OFF/)
      expect(report.severity).toBe('danger')
      if (process.platform === 'linux') {
        expect(checkOf(report, 'open-files')?.message).toMatch(/^1 other process has the file open: \d+ \(/)
        const version = connector === affected ? 'danger' : 'ok'
        expect(checkOf(report, 'sqlite-version')?.severity).toBe(version)
      }
    },
  },
  {
    name: 'doctor() of a database in memory asks what SQL can tell',
    async run({ openInMemory }) {
      const storage = await openInMemory()
      await expect(storage.doctor({ lockTimeoutMs: -1 })).rejects.toThrow('lockTimeoutMs')
      const report = await storage.doctor()

      expect(bad(report)).toEqual([])
      expect(report.checks.map(({ name }) => name)).not.toContain('file-system')
      expect(checkOf(report, 'integrity')?.severity).toBe('ok')
    },
  },
  {
    name: 'doctor() of a closed storage rejects',
    async run({ open }) {
      const storage = await open()
      await storage.close()
      await expect(storage.doctor()).rejects.toThrow('Cannot use the storage as it is closed')
    },
  },
  {
    name: 'doctor() of a storage that closes meanwhile rejects: what it could not look at is not fine',
    async run({ open }) {
      const storage = await open()
      const examined = rejection(storage.doctor())
      await storage.close()
      expect(await examined).toBeInstanceOf(StorageClosedError)
    },
  },
]

describeContract('doctor', cases)

/** The locks of this process on a database and its -shm. */
function ownLocks(path: string): string[] {
  return [path, `${path}-shm`].flatMap(ownLocksOn)
}

function bad({ checks }: DoctorReport): readonly DoctorCheck[] {
  return checks.filter(({ severity }) => severity === 'warning' || severity === 'danger')
}

function checkOf({ checks }: DoctorReport, name: string): DoctorCheck | undefined {
  return checks.find((check) => check.name === name)
}
