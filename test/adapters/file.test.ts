/** Where a database is, and what is said when it cannot be opened. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { ConfigError, OpenError } from '../../src/errors.ts'
import { binary } from '../processes/peer.ts'
import { adapters, connect, rowsOf, runtime, temporaryFolder } from './_local.ts'

describe.each(adapters)('opening a file with $name', ({ create }) => {
  test('the path is made absolute at once, and every spelling of it is understood', async () => {
    const path = join(temporaryFolder(), 'a b%20c?d.db')
    const spellings = [path, pathToFileURL(path).href, relative(process.cwd(), path)]

    expect(spellings.map((url) => create({ url }).location)).toEqual([path, path, path])
    await rowsOf(await connect(create({ url: pathToFileURL(path).href })), 'create table t (a)')
    expect(await rowsOf(await connect(create({ url: path })), 'select * from t')).toEqual([])
  })

  test(':memory: is one connection, a file is not', () => {
    expect(create({ url: ':memory:' })).toMatchObject({
      location: ':memory:',
      capabilities: { singleConnection: true, autocommit: true },
    })
    expect(create({ url: 'file:app.db' }).capabilities.singleConnection).toBe(false)
  })

  test('a remote URL is refused with the entry that takes it', () => {
    expect(() => create({ url: 'libsql://db.example.com' })).toThrow(ConfigError)
    expect(() => create({ url: 'libsql://db.example.com' })).toThrow('unbusy/libsql')
  })

  test('a path that some drivers would trim, or cannot encode, is refused by each', () => {
    const folder = temporaryFolder()
    const urls = ['app.db%20', 'app.db%0A', 'app.db%20/', 'app.db%EF%BB%BF', 'half \ud800.db']

    for (const url of urls) expect(() => create({ url: `file:${folder}/${url}` })).toThrow(ConfigError)
    expect(() => create({ url: `file:${folder}/app.db%20` })).toThrow('must not end with white space')
  })

  test('connect() says what is wrong with the path, with the cause', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'file'), '')
    symlinkSync(join(folder, 'nowhere', 'x.db'), join(folder, 'dangling.db'))
    const openError = (name: string) =>
      connect(create({ url: join(folder, name) })).then(
        () => undefined,
        (error: unknown) => error as OpenError,
      )

    const missing = await openError('missing/app.db')
    expect(missing).toBeInstanceOf(OpenError)
    expect(missing?.message).toContain(
      `its folder ${join(folder, 'missing')} does not exist: it must be created first`,
    )
    expect(missing?.cause).toBeInstanceOf(Error)
    expect((await openError('.'))?.message).toContain('it is a folder: the url must name a file')
    expect((await openError('file/app.db'))?.message).toContain(`${join(folder, 'file')} is not a folder`)
    expect((await openError('dangling.db'))?.message).toContain('the driver failed')
  })
})

describe('opening a file without permission', () => {
  // Root may read everything, so root's test runs as nobody.
  const openAsNobody = (path: string): string => {
    const entry = fileURLToPath(new URL('../../adapters/node-sqlite.ts', import.meta.url))
    const script = `import { nodeSqlite } from ${JSON.stringify(entry)}
      await nodeSqlite({ url: process.env.FILE }).connect('writer', {}).catch((error) => console.log(error.message))`
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...process.env, FILE: path },
      encoding: 'utf8',
      ...(process.getuid?.() === 0 && { uid: 65534, gid: 65534 }),
    })
    return stdout + stderr
  }

  test.skipIf(runtime !== 'node')(
    'connect() says which permission is missing (Node: the code is the same)',
    () => {
      const folder = temporaryFolder()
      chmodSync(folder, 0o755)
      writeFileSync(join(folder, 'secret.db'), '')
      chmodSync(join(folder, 'secret.db'), 0o000)
      mkdirSync(join(folder, 'closed'))
      chmodSync(join(folder, 'closed'), 0o555)
      mkdirSync(join(folder, 'private', 'inner'), { recursive: true })
      chmodSync(join(folder, 'private'), 0o600)

      expect(openAsNobody(join(folder, 'secret.db'))).toContain('this process may not read it')
      expect(openAsNobody(join(folder, 'closed', 'new.db'))).toContain('may not create files in')
      expect(openAsNobody(join(folder, 'private', 'inner', 'new.db'))).toContain(
        `may not enter its folder ${join(folder, 'private', 'inner')}: the permissions of the folders above must allow`,
      )
    },
  )
})

describe('opening a file with no more permissions than the README names', () => {
  const program = `import { openStorage } from 'unbusy/auto'
    const [dialect, url] = process.argv.slice(2)
    await using storage = await openStorage({ dialect, url })
    await storage.db.schema.createTable('t').addColumn('a', 'integer').execute()
    await storage.write((trx) => trx.insertInto('t').values({ a: 1 }).execute())
    console.log(JSON.stringify(await storage.db.selectFrom('t').selectAll().execute()))
    const { checks } = await storage.doctor()
    console.log(checks.find(({ name }) => name === 'permissions').severity)`

  test.skipIf(runtime !== 'deno').each(['node-sqlite', 'libsql'])(
    '%s (on Deno: nobody else has any)',
    (dialect) => {
      const row = readFileSync('README.md', 'utf8')
        .split('\n')
        .find((line) => line.startsWith(`| ${dialect}`))
      const permissions = row?.match(/--allow-\w+/g) ?? []
      const path = join(temporaryFolder(), 'app.db')
      const options = ['run', '--no-prompt', ...permissions, '-', dialect, path]
      const { stdout, stderr } = spawnSync(binary('deno'), options, { input: program, encoding: 'utf8' })

      expect(stdout, stderr).toBe('[{"a":1}]\nok\n')
    },
  )
})
