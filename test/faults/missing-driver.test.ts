/**
 * A driver that is not installed, that belongs to another runtime, that this Node is too old for, or that Deno or Node's
 * permission model does not let do its work: what to do is said.
 * On Node only: each test runs the runtime that it is about, with a copy of the sources and no package but Kysely.
 */
import { execFile, execFileSync } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RuntimeName, runtime } from '../contract/matrix.ts'
import { binary } from '../processes/peer.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const leadingArguments = { node: [], bun: [], deno: ['run', '-A'] } as const

interface OpenFailure {
  readonly name: string
  readonly message: string
  readonly cause: string
}

/** Opens a database with a connector of the folder's sources; `extension` is that of the modules there. */
function program(factory: string, entry: string, extension: 'ts' | 'js', url = 'app.db'): string {
  return `
    import { openStorage } from './src/index.${extension}'
    import { ${factory} } from './adapters/${entry}.${extension}'
    try {
      await openStorage({ connector: ${factory}({ url: '${url}' }) })
      console.log(JSON.stringify({ name: 'none' }))
    } catch ({ name, message, cause }) {
      console.log(JSON.stringify({ name, message, cause: cause?.constructor?.name }))
    }
  `
}

async function opening(folder: string, command: readonly string[], text: string): Promise<OpenFailure> {
  const file = join(folder, `open-${crypto.randomUUID()}.mjs`)
  await writeFile(file, text)
  const [program = '', ...args] = command
  const { stdout } = await run(program, [...args, file], { cwd: folder })
  return JSON.parse(stdout)
}

async function folderWithout(...packages: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'unbusy-missing-'))
  await mkdir(join(folder, 'node_modules'))
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  for (const name of packages)
    await symlink(join(root, 'node_modules', name), join(folder, 'node_modules', name))
  return folder
}

/** A Node on this machine that is older than 22; those of the dev dependencies are not. */
function findOldNode(): string | undefined {
  const folders = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !folder.includes('node_modules'))
  return folders.map((folder) => join(folder, 'node')).find((node) => versionOf(node) < 22)
}

function versionOf(node: string): number {
  try {
    return Number.parseInt(execFileSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' }), 10)
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

const libsqlPackages = ['@libsql', 'libsql', '@neon-rs', 'detect-libc', 'promise-limit', 'js-base64']

const install = (name: string, command: string): string =>
  `Cannot load the package ${name}: install it with ${command}`

type MissingDriver = readonly [runtime: RuntimeName, factory: string, entry: string, message: string]

const missing: readonly MissingDriver[] = [
  ['node', 'betterSqlite3', 'better-sqlite3', install('better-sqlite3', 'npm install better-sqlite3')],
  ['bun', 'betterSqlite3', 'better-sqlite3', install('better-sqlite3', 'npm install better-sqlite3')],
  ['deno', 'betterSqlite3', 'better-sqlite3', install('better-sqlite3', 'npm install better-sqlite3')],
  ['node', 'libsql', 'libsql', install('@libsql/client', 'npm install @libsql/client')],
  ['bun', 'libsql', 'libsql', install('@libsql/client', 'npm install @libsql/client')],
  ['deno', 'libsql', 'libsql', install('@libsql/client', 'npm install @libsql/client')],
  ['bun', 'bunSqlite', 'bun-sqlite', install('kysely-bun-sqlite', 'bun add kysely-bun-sqlite')],
  ['node', 'bunSqlite', 'bun-sqlite', 'Cannot load bun:sqlite as this is not Bun: choose another dialect'],
  ['deno', 'bunSqlite', 'bun-sqlite', 'Cannot load bun:sqlite as this is not Bun: choose another dialect'],
]

describe.runIf(runtime === 'node')('a driver that cannot be loaded (on Node only)', () => {
  let folder = ''

  beforeAll(async () => {
    folder = await folderWithout('kysely')
    for (const name of ['src', 'adapters'])
      await cp(join(root, name), join(folder, name), { recursive: true })
  })

  afterAll(() => rm(folder, { recursive: true, force: true }))

  it.each(missing)('on %s, %s: an OpenError that says what to do', async (name, factory, entry, message) => {
    const failure = await opening(
      folder,
      [binary(name), ...leadingArguments[name]],
      program(factory, entry, 'ts'),
    )
    expect(failure).toMatchObject({ name: 'OpenError', message })
    // What a runtime brings is asked for, not tried.
    if (message.includes('package')) expect(failure.cause).toMatch(/Error|Message/)
  })
})

describe.runIf(runtime === 'node')('a driver whose package is there in part (on Node only)', () => {
  let folder = ''

  beforeAll(async () => {
    folder = await folderWithout('kysely')
    for (const name of ['src', 'adapters'])
      await cp(join(root, name), join(folder, name), { recursive: true })
    // Not linked: what is behind a link finds all that is beside it.
    for (const name of libsqlPackages) {
      const filter = (path: string): boolean => !/@libsql\/(linux|darwin|win32)/.test(path)
      await cp(join(root, 'node_modules', name), join(folder, 'node_modules', name), {
        recursive: true,
        filter,
      })
    }
  })

  afterAll(() => rm(folder, { recursive: true, force: true }))

  it.each(['node', 'bun', 'deno'] as const)(
    'on %s, libsql without the binary of this platform is told so',
    async (name) => {
      const command = [binary(name), ...leadingArguments[name]]
      const { message } = await opening(folder, command, program('libsql', 'libsql', 'ts'))
      expect(message).toMatch(
        /^Cannot load the package @libsql\/client, which is there: Cannot find module '@libsql\/[a-z\d-]+'$/,
      )
    },
  )

  it.each(['node', 'bun', 'deno'] as const)(
    'on %s, better-sqlite3 that fails by itself is not to be installed',
    async (name) => {
      const place = join(folder, 'node_modules/better-sqlite3')
      await mkdir(place, { recursive: true })
      await writeFile(
        join(place, 'index.js'),
        'throw new Error(\'Dynamic require of "fs" is not supported\')',
      )
      const command = [binary(name), ...leadingArguments[name]]
      const { message } = await opening(folder, command, program('betterSqlite3', 'better-sqlite3', 'ts'))
      expect(message).toBe(
        'Cannot load the package better-sqlite3, which is there: Dynamic require of "fs" is not supported',
      )
    },
  )
})

interface Denial {
  readonly flags: readonly string[]
  readonly factory: 'nodeSqlite' | 'libsql'
  readonly message: RegExp
  readonly url?: string
}

const denials: readonly Denial[] = [
  {
    flags: [],
    factory: 'nodeSqlite',
    message: /^Cannot open database \S+ as Deno does not let it: .* --allow-read flag$/,
  },
  {
    flags: ['--allow-read'],
    factory: 'nodeSqlite',
    message: /^Cannot open database \S+ as Deno does not let it: .* --allow-write flag$/,
  },
  {
    // Whoever writes looks at all files of the database, and at their folder.
    flags: ['--allow-read=app.db', '--allow-write=app.db'],
    factory: 'nodeSqlite',
    message: /^Cannot open database (\S+)\/app\.db as Deno does not let it: \D+ "\1", .* --allow-read flag$/,
  },
  {
    flags: ['--allow-read'],
    factory: 'libsql',
    message: /^Cannot load the package @libsql\/client: .* --allow-(env|ffi|sys) flag$/,
  },
  {
    // Over HTTP it is the same, but Deno 2.9 never ends after a fetch that it did not allow, if the body was a stream.
    flags: [],
    factory: 'libsql',
    message: /^The request was refused; nothing of it ran: .* --allow-net flag$/,
    url: 'ws://127.0.0.1:1',
  },
]

describe.runIf(runtime === 'node')('Deno without a permission (on Node only)', () => {
  let folder = ''

  beforeAll(async () => {
    folder = await folderWithout('kysely', ...libsqlPackages)
    for (const name of ['src', 'adapters'])
      await cp(join(root, name), join(folder, name), { recursive: true })
  })

  afterAll(() => rm(folder, { recursive: true, force: true }))

  it.each(denials)('$factory with $flags says which, and does not try again', async (denial) => {
    const { flags, factory, message, url } = denial
    const entry = factory === 'libsql' ? 'libsql' : 'node-sqlite'
    const failure = await opening(
      folder,
      [binary('deno'), 'run', '--no-prompt', ...flags],
      program(factory, entry, 'ts', url),
    )
    expect(failure.message).toMatch(message)
    expect(failure.name).toBe(url === undefined ? 'OpenError' : 'RemoteError')
  })
})

describe.runIf(runtime === 'node')('Node with --permission, and without one (on Node only)', () => {
  let folder = ''
  let databases = ''

  beforeAll(async () => {
    databases = await mkdtemp(join(tmpdir(), 'unbusy-hidden-'))
    folder = await folderWithout('kysely', 'better-sqlite3', '@libsql', 'libsql')
    for (const name of ['src', 'adapters'])
      await cp(join(root, name), join(folder, name), { recursive: true })
  })

  afterAll(async () => {
    for (const each of [folder, databases]) await rm(each, { recursive: true, force: true })
  })

  const fail = (factory: string, entry: string, ...flags: string[]): Promise<OpenFailure> => {
    const permissions = ['--permission', `--allow-fs-read=${folder}`, `--allow-fs-read=${root}`, ...flags]
    const text = program(factory, entry, 'ts', join(databases, 'app.db'))
    return opening(folder, [binary('node'), ...permissions], text)
  }

  it.each([
    ['betterSqlite3', 'better-sqlite3'],
    ['nodeSqlite', 'node-sqlite'],
    ['libsql', 'libsql'],
  ])('%s says which, and creates nothing', async (factory, entry) => {
    const { name, message } = await fail(factory, entry, '--allow-addons')
    expect(name).toBe('OpenError')
    expect(message).toContain(`Cannot open database ${databases}/app.db as Node does not let it: `)
    expect(message).toMatch(`Use --allow-fs-read to manage permissions: ${databases}`)
    expect(await readdir(databases)).toEqual([])
  })

  it('libsql does not ask for a package that is there', async () => {
    const { message } = await fail('libsql', 'libsql')
    expect(message).toMatch(/^Cannot load the package @libsql\/client: .* addons is disabled/)
  })
})

const oldNode = findOldNode()
const noOldNode = oldNode === undefined ? ' (not here: no Node before 22 in PATH)' : ''

describe.runIf(runtime === 'node' && oldNode !== undefined)(`an old Node (on Node only)${noOldNode}`, () => {
  let folder = ''

  beforeAll(async () => {
    folder = await folderWithout('kysely', 'better-sqlite3')
    await run(join(root, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.build.json', '--outDir', folder], {
      cwd: root,
    })
  })

  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('better-sqlite3 on it is an OpenError, where the package itself would crash the process', async () => {
    const failure = await opening(folder, [oldNode ?? ''], program('betterSqlite3', 'better-sqlite3', 'js'))
    expect(failure.name).toBe('OpenError')
    expect(failure.message).toMatch(
      /^Cannot use better-sqlite3 on Node \d+\.\d+\.\d+ as it would crash the process: it needs Node 22\.16 or later$/,
    )
  })

  it('node:sqlite on it is an OpenError that says which versions have it', async () => {
    const failure = await opening(folder, [oldNode ?? ''], program('nodeSqlite', 'node-sqlite', 'js'))
    expect(failure.name).toBe('OpenError')
    expect(failure.message).toMatch(/Node 22\.16 or later/)
  })
})
