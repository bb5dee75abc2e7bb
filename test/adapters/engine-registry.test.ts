/** Two SQLite engines never meet on one file in this process. */
import { linkSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { claimFile, refuseOtherEngine } from '../../adapters/_engine-registry.ts'
import { betterSqlite3 } from '../../adapters/better-sqlite3.ts'
import { OpenError } from '../../src/errors.ts'
import {
  adapters,
  connect,
  connectToNewFile,
  rowsOf,
  runElsewhere,
  runtime,
  temporaryFolder,
} from './_local.ts'

function newFile(): string {
  const path = join(temporaryFolder(), 'test.db')
  writeFileSync(path, '')
  return path
}

/** A claim that outlived its file would be met again with the next file that gets the inode. */
function claim(path: string, engine: string): () => void {
  const release = claimFile(path, engine)
  onTestFinished(release)
  return release
}

describe('claimFile()', () => {
  test('refuses another engine on the same file and says why and what to do', () => {
    const path = newFile()
    claim(path, 'first')

    expect(() => claim(path, 'second')).toThrow(OpenError)
    expect(() => claim(path, 'second')).toThrow(
      /second .* first: .*lose acknowledged writes, so use one dialect/,
    )
    expect(() => refuseOtherEngine(path, 'second')).toThrow(OpenError)
  })

  test('knows the file by links too', () => {
    const path = newFile()
    linkSync(path, `${path}.hard`)
    symlinkSync(path, `${path}.soft`)
    claim(path, 'first')

    expect(() => refuseOtherEngine(`${path}.hard`, 'second')).toThrow(OpenError)
    expect(() => refuseOtherEngine(`${path}.soft`, 'second')).toThrow(OpenError)
    expect(() => refuseOtherEngine(newFile(), 'second')).not.toThrow()
    expect(() => refuseOtherEngine(`${path}.none`, 'second')).not.toThrow()
  })

  test('counts the claims of one engine, and a claim is given back once', () => {
    const path = newFile()
    const releases = [claim(path, 'first'), claim(path, 'first')]

    releases[0]?.()
    releases[0]?.()
    expect(() => claim(path, 'second')).toThrow(OpenError)
    releases[1]?.()
    expect(() => claim(path, 'second')).not.toThrow()
  })

  test('is one registry for every copy of this library in the process', () => {
    const path = newFile()
    claim(path, 'first')

    const registry = Reflect.get(globalThis, Symbol.for('unbusy.engines')) as ReadonlyMap<string, unknown>

    expect([...registry.values()]).toContainEqual({ engine: 'first', count: 1 })
  })
})

describe.each(adapters)('connect() of $name', ({ create, name }) => {
  test('claims its file until the last connection closed', async () => {
    const { path, connector, connection } = await connectToNewFile(create)
    const second = await connect(connector)

    await connection.close()
    expect(() => refuseOtherEngine(path, 'other')).toThrow(`has it open with ${name}`)
    await second.close()
    expect(() => refuseOtherEngine(path, 'other')).not.toThrow()
  })

  test.skipIf(runtime === 'deno')('is refused before it opens (Deno has one engine)', async () => {
    const { path, connection } = await connectToNewFile(create)
    await rowsOf(connection, 'create table t (a)')
    // Here the write lock is on the file itself; in WAL mode it is on -shm, and SQLite 3.51 looks there before it closes.
    await connection.exec('PRAGMA journal_mode = DELETE')
    await connection.begin('immediate')

    for (const other of adapters) {
      if (other.name === name) continue
      await expect(connect(other.create({ url: path }))).rejects.toThrow(OpenError)
    }

    // Had the other engine opened and closed the file, our lock would be gone.
    expect(() => runElsewhere(path, 'insert into t values (1)')).toThrow('locked')
    await connection.commit()
  })
})

test.runIf(runtime === 'node')(
  'the checkpoint thread does not load another addon than the one given',
  async () => {
    const url = join(temporaryFolder(), 'test.db')
    const connection = await connect(betterSqlite3({ url }))
    onTestFinished(() => connection.close())
    // The path of one would be given to the thread; an addon that is loaded cannot be.
    const connector = betterSqlite3({ url, driverOptions: { nativeBinding: {} } })

    await expect(connector.openCheckpointWorker?.()).rejects.toThrow('the nativeBinding is loaded already')
  },
)
