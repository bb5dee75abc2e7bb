/**
 * Database files with one defect each, made by another process of another runtime: a process that has a file open must not
 * touch it with `fs`, and no two engines of one process may meet on a file.
 *
 * @module
 */
import { spawnSync } from 'node:child_process'
import { cpSync, linkSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { peerCommand } from '../processes/peer.ts'

/** Names of the files: `<name>.db`. */
export type SickFile =
  | 'sound'
  | 'rollback'
  | 'orphans'
  | 'damaged'
  | 'rootless'
  | 'crashed'
  | 'cut-off'
  | 'text'
  | 'empty'

const pageBytes = 4096

/** Makes the files once. */
export function makeSickFiles(): string {
  const folder = mkdtempSync(join(tmpdir(), 'unbusy-doctor-'))
  runPeer(healthyProgram(folder), 0)
  // It ends by its own SIGKILL, in the middle of a transaction of one database, and after a commit of the other.
  runPeer(crashProgram(folder), null)
  writeFileSync(join(folder, 'text.db'), 'This is not a database, but a text. '.repeat(20))
  writeFileSync(join(folder, 'empty.db'), '')
  return folder
}

/** A copy of the files for one connector: nobody has them open yet. */
export function copyOf(folder: string): string {
  const copy = mkdtempSync(join(tmpdir(), 'unbusy-doctor-'))
  cpSync(folder, copy, { recursive: true })
  linkSync(join(copy, 'rollback.db'), join(copy, 'second-name.db'))
  return copy
}

export function removeFolders(folders: readonly string[]): void {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
}

/** What lies beside a database, and itself, with the ends of their names. */
export function filesOf(folder: string, name: SickFile): string[] {
  return readdirSync(folder)
    .filter((file) => file.startsWith(`${name}.db`))
    .map((file) => file.slice(name.length))
    .sort()
}

function runPeer(program: string, status: number | null): void {
  const [file, ...args] = peerCommand()
  const result = spawnSync(file, [...args, program], { encoding: 'utf8' })
  if (result.status !== status) throw new Error(`The maker of the files failed: ${result.stderr}`)
}

function healthyProgram(folder: string): string {
  return `Promise.all([import('node:sqlite'), import('node:fs')]).then(([{ DatabaseSync }, fs]) => {
    const make = (name, ...statements) => {
      const path = ${JSON.stringify(folder)} + '/' + name + '.db'
      const database = new DatabaseSync(path, { enableForeignKeyConstraints: false })
      for (const sql of statements) database.prepare(sql).all()
      database.close()
      return path
    }
    const wal = 'pragma journal_mode = wal'
    make('sound', wal, 'create table t (a)', 'insert into t values (1)')
    make('rollback', 'create table t (a)')
    make('orphans', wal, 'create table parent (id integer primary key)',
      'create table child (id integer primary key, parent_id integer references parent (id))',
      'insert into child values (1, 7), (2, 8)')
    const damaged = make('damaged', wal, 'create table t (a)',
      'with recursive n (i) as (select 1 union all select i + 1 from n where i < 500) insert into t select randomblob(200) from n')
    const overwrite = (path, page) => {
      const file = fs.openSync(path, 'r+')
      fs.writeSync(file, Buffer.alloc(${pageBytes}, 0x5a), 0, ${pageBytes}, ${pageBytes} * page)
      fs.closeSync(file)
    }
    overwrite(damaged, 5)
    overwrite(make('rootless', wal, 'create table t (a)', 'insert into t values (zeroblob(600000))'), 1)
  })`
}

function crashProgram(folder: string): string {
  return `import('node:sqlite').then(({ DatabaseSync }) => {
    const open = (name, ...statements) => {
      const database = new DatabaseSync(${JSON.stringify(folder)} + '/' + name + '.db')
      for (const sql of statements) database.prepare(sql).all()
      return database
    }
    globalThis.crashed = open('crashed', 'pragma journal_mode = wal', 'create table t (a)', 'insert into t values (1)')
    // More than its cache holds, so that half the transaction is in the file already.
    globalThis.cutOff = open('cut-off', 'pragma cache_size = 1', 'create table t (a)',
      'with recursive n (i) as (select 1 union all select i + 1 from n where i < 500) insert into t select randomblob(200) from n',
      'begin', 'update t set a = randomblob(200)')
    process.kill(process.pid, 'SIGKILL')
  })`
}
