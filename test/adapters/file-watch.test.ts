/** Whether the files of a database are still there is seen with one `stat`, however soon a change follows on another. */
import { mkdirSync, readdirSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type DatabaseFileWatch, watchFiles } from '../../adapters/_file-watch.ts'
import { temporaryFolder } from './_local.ts'

function watch(path: string): DatabaseFileWatch {
  const files = watchFiles({ path, isInMemory: false })
  if (files === undefined) throw new Error('A file has files')
  files.adopt()
  return files
}

function make(path: string, ...suffixes: readonly string[]): void {
  for (const suffix of suffixes) writeFileSync(`${path}${suffix}`, suffix)
}

test('files that appear are taken for the right ones, and are missed from then on', () => {
  const path = join(temporaryFolder(), 'test.db')
  make(path, '')
  const files = watch(path)
  expect(files.change()).toBeUndefined()
  make(path, '-wal', '-shm', '.neighbour')
  expect(files.change()).toBeUndefined()
  unlinkSync(`${path}.neighbour`)
  expect(files.change()).toBeUndefined()

  renameSync(`${path}-shm`, `${path}-shm.away`)
  expect(files.change()).toEqual({ file: `${path}-shm`, change: 'deleted' })
  renameSync(`${path}-shm.away`, `${path}-shm`)
  expect(files.change()).toBeUndefined()
  make(path, '-new')
  renameSync(`${path}-new`, path)
  expect(files.change()).toEqual({ file: path, change: 'replaced' })
})

test('a change within the same tick of the file system as the one before is seen', () => {
  const folder = temporaryFolder()
  for (let round = 0; round < 50; round++) {
    const path = join(folder, `${round}.db`)
    make(path, '', '-wal', '-shm')
    const files = watch(path)
    expect(files.change()).toBeUndefined()
    unlinkSync(`${path}-wal`)
    expect(files.change()).toEqual({ file: `${path}-wal`, change: 'deleted' })
  }
})

test('behind a symbolic link, the files beside the target are watched', () => {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'target'))
  const target = join(folder, 'target', 'real.db')
  make(target, '', '-wal')
  const link = join(folder, 'link.db')
  symlinkSync(target, link)
  const files = watch(link)
  expect(files.change()).toBeUndefined()

  unlinkSync(`${target}-wal`)

  expect(files.change()).toEqual({ file: `${target}-wal`, change: 'deleted' })
})

test('a link that leads elsewhere does not lead there who opens more of the same, until all is closed', () => {
  const folder = temporaryFolder()
  const [first, second, link] = ['first.db', 'second.db', 'link.db'].map((name) => join(folder, name))
  make(String(first), '', '-wal')
  make(String(second), '')
  symlinkSync(String(first), String(link))
  const files = watch(String(link))
  expect(files.path).toBe(link)

  unlinkSync(String(link))
  symlinkSync(String(second), String(link))

  expect(files.path).toBe(first)
  files.adopt()
  expect(files.path).toBe(first)
  expect(files.walBytes()).toBe('-wal'.length)
  expect(files.change()).toBeUndefined()
  files.close()
  expect(files.path).toBe(link)
})

test('a database that was replaced while the writer is opened anew is a change', () => {
  const path = join(temporaryFolder(), 'test.db')
  make(path, '', '-new')
  const files = watch(path)
  renameSync(`${path}-new`, path)

  files.adopt()

  expect(files.change()).toEqual({ file: path, change: 'replaced' })
})

test('a folder that is gone', () => {
  const folder = join(temporaryFolder(), 'folder')
  mkdirSync(folder)
  const path = join(folder, 'test.db')
  make(path, '')
  const files = watch(path)

  renameSync(folder, `${folder}.away`)

  expect(files.change()).toEqual({ file: path, change: 'deleted' })
})

test('a folder whose own folder is moved away, and another one is put in its place', async () => {
  const root = join(temporaryFolder(), 'root')
  const path = join(root, 'folder', 'test.db')
  mkdirSync(join(root, 'folder'), { recursive: true })
  make(path, '', '-wal')
  const files = watch(path)
  await sleep(100)
  expect(files.change()).toBeUndefined()

  renameSync(root, `${root}.away`)
  mkdirSync(join(root, 'folder'), { recursive: true })
  make(path, '')

  // It is found by its path every few milliseconds.
  await sleep(20)
  expect(files.change()).toEqual({ file: path, change: 'replaced' })
})

test('after close() it is looked at by its path, and can be adopted again', () => {
  const path = join(temporaryFolder(), 'test.db')
  make(path, '', '-wal')
  const files = watch(path)
  for (const adoptAgain of [false, true, false]) {
    files.close()
    files.close()
    if (adoptAgain) files.adopt()
    expect(files.change()).toBeUndefined()
  }
  unlinkSync(`${path}-wal`)
  expect(files.change()).toEqual({ file: `${path}-wal`, change: 'deleted' })
})

test.runIf(process.platform === 'linux')('close() gives back what it looks through', () => {
  const path = join(temporaryFolder(), 'test.db')
  make(path, '')
  const openCount = (): number => readdirSync('/proc/self/fd').length
  watch(path).close()
  const before = openCount()
  for (let round = 0; round < 20; round++) {
    const files = watch(path)
    files.adopt()
    files.close()
  }
  expect(openCount()).toBeLessThan(before + 10)
})

test(':memory: has none', () => {
  expect(watchFiles({ path: ':memory:', isInMemory: true })).toBeUndefined()
})
