/** Who has a database open, and at what, is told right while other processes lock and unlock files of theirs. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { holdersOf } from '../../adapters/_file-holders.ts'
import { runtime } from '../contract/matrix.ts'
import { temporaryFolder } from './_local.ts'

/** Keeps 100 databases locked, and locks and unlocks thirty until it is ended; says when it has begun. */
const locker = `
const { DatabaseSync } = require('node:sqlite')
const databases = Array.from({ length: 130 }, (_, i) => new DatabaseSync(process.argv[1] + '/' + i + '.db'))
for (const database of databases.splice(30)) database.exec('begin exclusive')
console.log('begun')
for (;;) {
  for (const database of databases) database.exec('begin exclusive')
  for (const database of databases) database.exec('rollback')
}
`

describe.runIf(runtime === 'node' && process.platform === 'linux')('holdersOf (Node on Linux only)', () => {
  it('tells of a reader at each of 60 looks while others lock and unlock', async () => {
    const { DatabaseSync } = await import('node:sqlite')
    const folder = temporaryFolder()
    const path = join(folder, 'read.db')
    const reader = new DatabaseSync(path)
    reader.exec('pragma journal_mode = wal; create table t (a); begin; select * from t')
    const others = ['a', 'b', 'c'].map(() => spawn(process.execPath, ['-e', locker, temporaryFolder()]))
    try {
      await Promise.all(others.map(({ stdout }) => once(stdout, 'data')))
      for (let look = 0; look < 60; look++) {
        const holders = await holdersOf(path)
        expect(holders?.processes).toMatchObject([{ pid: process.pid, activities: ['reading'] }])
      }
    } finally {
      for (const other of others) other.kill()
      await Promise.all(others.map((other) => once(other, 'exit')))
      reader.close()
    }
  })
})
