/**
 * Litestream beside a storage that checkpoints only PASSIVE: what it replicated under load is the database, row by row.
 * On Node alone: the file is the same whatever runtime wrote it, and a replication takes seconds.
 *
 * @module
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Kysely, sql } from 'kysely'
import { openStorage } from 'unbusy'
import { describe, expect, it } from 'vitest'
import type { AnyDatabase } from '../contract/case.ts'
import { connectorTo } from '../contract/matrix.ts'
import { until } from '../contract/together.ts'

const run = promisify(execFile)
const onNode = !('Bun' in globalThis) && !('Deno' in globalThis)
/** Where the program is installed once: an ignored folder, as not every platform has the package. */
const home = fileURLToPath(new URL('../../.venv/litestream', import.meta.url))
const litestream = onNode ? await findLitestream() : { reason: 'the run on Node shows it' }
const title = 'path' in litestream ? 'Litestream' : `Litestream (skipped here: ${litestream.reason})`

/** The program, not the package's script: that one does not pass signals on. */
async function findLitestream(): Promise<{ readonly path: string } | { readonly reason: string }> {
  const { LITESTREAM } = process.env
  if (LITESTREAM !== undefined) return { path: LITESTREAM }
  const name = `@flydotio/litestream-${process.platform}-${process.arch}`
  const path = join(home, 'node_modules', name, 'litestream')
  if (existsSync(path)) return { path }
  try {
    await mkdir(home, { recursive: true })
    await run('npm', ['install', '--no-save', '--no-audit', '--prefix', home, `${name}@1.0.1`], {
      timeout: 60_000,
    })
    return { path }
  } catch {
    return { reason: `${name} cannot be installed, and LITESTREAM, the path of its program, is not set` }
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

describe.skipIf(!('path' in litestream))(title, () => {
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
    const { path: program } = litestream as { readonly path: string }
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
      await run(program, ['restore', '-o', restored, `file://${replica}`])

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
