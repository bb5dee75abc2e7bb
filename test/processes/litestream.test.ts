/**
 * Litestream beside a storage that checkpoints only PASSIVE: what it replicated under load is the database, row by row.
 * On Node alone: the file is the same whatever runtime wrote it, and a replication takes seconds.
 *
 * @module
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { type Kysely, sql } from 'kysely'
import { openStorage } from 'unbusy'
import { describe, expect, it } from 'vitest'
import type { AnyDatabase } from '../contract/case.ts'
import { connectorTo } from '../contract/matrix.ts'
import { until } from '../contract/together.ts'

const onNode = !('Bun' in globalThis) && !('Deno' in globalThis)
const litestream = findLitestream()
const reason = onNode
  ? 'neither @flydotio/litestream nor LITESTREAM, the path of its program, is there for this platform'
  : 'the run on Node shows it'
const title = onNode && litestream !== undefined ? 'Litestream' : `Litestream (skipped here: ${reason})`

/** The program, not the package's script: that one does not pass signals on. */
function findLitestream(): string | undefined {
  const given = process.env.LITESTREAM
  if (given !== undefined) return given
  try {
    const { resolve } = createRequire(import.meta.url)
    const name = `@flydotio/litestream-${process.platform}-${process.arch}`
    const program = join(dirname(resolve(`${name}/package.json`)), 'litestream')
    return existsSync(program) ? program : undefined
  } catch {
    return undefined
  }
}

/** The rows, as they are. */
async function digest(db: Kysely<AnyDatabase>): Promise<{ rows: number; sha256: string }> {
  const hash = createHash('sha256')
  let rows = 0
  for (const { id, content } of await db.selectFrom('page').selectAll().orderBy('id').execute()) {
    hash.update(`${id}:`).update(content)
    rows++
  }
  return { rows, sha256: hash.digest('hex') }
}

function exitOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => child.once('exit', () => resolve()))
}

describe.skipIf(!onNode || litestream === undefined)(title, () => {
  it("restores what was written under load with checkpoint: 'passive'", async () => {
    const folder = await mkdtemp(join(tmpdir(), 'unbusy-litestream-'))
    const path = join(folder, 'app.db')
    const replica = join(folder, 'replica')
    const config = join(folder, 'litestream.yml')
    await writeFile(
      config,
      `dbs:\n  - path: ${path}\n    monitor-interval: 50ms\n    replicas:\n      - path: ${replica}\n        sync-interval: 50ms\n`,
    )
    const options = { checkpoint: 'passive', checkpointWalBytes: 512 * 1024 } as const
    const storage = await openStorage<AnyDatabase>({
      ...options,
      connector: await connectorTo('better-sqlite3', path),
    })
    await sql`create table page (id integer primary key, content blob)`.execute(storage.db)
    const program = litestream as string
    const child = spawn(program, ['replicate', '-config', config], { stdio: 'ignore' })
    const exited = exitOf(child)
    try {
      let written = 0
      const insert = async (): Promise<void> => {
        await sql`insert into page (content) values (randomblob(3000))`.execute(storage.db)
        written++
      }
      await until(async () => {
        await insert()
        return existsSync(join(replica, 'generations'))
      })
      await Promise.all(
        Array.from({ length: 8 }, async () => {
          for (let row = 0; row < 250; row++) await insert()
        }),
      )
      const { lastCheckpoint } = storage.stats().wal
      const wanted = await digest(storage.db)
      expect(wanted.rows).toBe(written)
      expect(lastCheckpoint).toMatchObject({ mode: 'passive', by: 'worker' })

      child.kill('SIGTERM')
      await exited
      const restored = join(folder, 'restored.db')
      await promisify(execFile)(program, ['restore', '-o', restored, `file://${replica}`])

      await using copy = await openStorage<AnyDatabase>({
        connector: await connectorTo('better-sqlite3', restored),
      })
      expect(await digest(copy.db)).toEqual(wanted)
      const check = await sql<{ result: string }>`
        select integrity_check as result from pragma_integrity_check`.execute(copy.db)
      expect(check.rows).toEqual([{ result: 'ok' }])
    } finally {
      child.kill('SIGKILL')
      await exited
      await storage.close()
      await rm(folder, { recursive: true, force: true })
    }
  }, 60_000)
})
