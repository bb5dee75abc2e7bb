/**
 * Proves the package that users install, and not only the sources: it is built, packed, judged by two linters, and then
 * installed into empty projects on each runtime, where a program must find its entry, its types and a driver.
 *
 * @module
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest'
import { createProject, type Project, runInRepository } from './project.ts'

const onNode = !('Bun' in globalThis) && !('Deno' in globalThis)
const title = onNode
  ? 'packed package'
  : 'packed package (skipped here: the run on Node builds it once and starts Bun and Deno itself)'

const limitMs = 120_000
const manifest = JSON.parse(await readFile('package.json', 'utf8')) as {
  readonly exports: Record<string, unknown>
  readonly devDependencies: Record<string, string>
}

describe.skipIf(!onNode)(title, () => {
  let folder: string
  let tarball: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'unbusy-pack-'))
    await runInRepository('npm', 'run', 'build')
    await runInRepository('npm', 'pack', '--pack-destination', folder)
    const [name] = await readdir(folder)
    tarball = join(folder, name as string)
  }, limitMs)

  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('publint has nothing to say', async () => {
    await runInRepository('publint', tarball, '--strict')
  })

  it('attw resolves the types of every entry', async () => {
    await runInRepository('attw', tarball, '--profile', 'esm-only', '--no-emoji')
  })

  it('types of every entry check where no driver and no runtime types are installed', {
    timeout: limitMs,
  }, async (test) => {
    await using project = await createProject({ unbusy: `file:${tarball}`, ...pinned('kysely') })
    const specifiers = Object.keys(manifest.exports).map((entry) => entry.replace('.', 'unbusy'))
    await project.write('entries.ts', specifiers.map((name) => `import '${name}'\n`).join(''))
    await install(project, test, ...npmInstall)

    const options = [
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2024',
      '--lib',
      'esnext,dom',
    ]
    await project.run('tsc', ...options, '--types', '', 'app.ts', 'entries.ts')
  })

  it('runs on Node with better-sqlite3, installed by npm', { timeout: limitMs }, async (test) => {
    await using project = await createProject({
      unbusy: `file:${tarball}`,
      ...pinned('kysely', 'better-sqlite3'),
    })
    await install(project, test, ...npmInstall)

    const output = await project.run('node', 'app.ts')

    expect(JSON.parse(output)).toEqual({ connector: 'better-sqlite3', note: { id: 1, text: 'kept' } })
    expect(await project.run('npx', '--no-install', 'unbusy', 'doctor', 'app.db')).toMatch(
      /^Nothing is wrong\./m,
    )
    expect(await project.filesLike('app.db')).toEqual(['app.db'])
  })

  it('runs on Bun with kysely-bun-sqlite, installed by bun', { timeout: limitMs }, async (test) => {
    await using project = await createProject({})
    const versions = Object.entries(pinned('kysely', 'kysely-bun-sqlite'))
    const packages = versions.map(([name, version]) => `${name}@${version}`)
    await install(project, test, 'bun', 'add', tarball, ...packages)

    const output = await project.run('bun', 'app.ts')

    expect(JSON.parse(output)).toEqual({ connector: 'bun-sqlite', note: { id: 1, text: 'kept' } })
    expect(await project.run('bunx', '--bun', 'unbusy', 'doctor', 'app.db')).toMatch(
      /SQLite \S+ \(of bun-sqlite\)/,
    )
    expect(await project.filesLike('app.db')).toEqual(['app.db'])
  })

  it.for([
    ['Deno', 'deno', ['run', '-A', 'app.ts']],
    ['Node', 'node', ['app.ts']],
  ] as const)(
    'runs on %s with node:sqlite, where no driver package is installed',
    { timeout: limitMs },
    async ([, command, args], test) => {
      await using project = await createProject({ unbusy: `file:${tarball}`, ...pinned('kysely') })
      // npm fills node_modules for Deno too, as `deno install` takes a file: dependency for a folder.
      await install(project, test, ...npmInstall)

      const output = await project.run(command, ...args)

      expect(JSON.parse(output)).toEqual({ connector: 'node-sqlite', note: { id: 1, text: 'kept' } })
      expect(await project.filesLike('app.db')).toEqual(['app.db'])
    },
  )

  it('webpack bundles every driver, and better-sqlite3 outside of the bundle checkpoints in a worker', {
    timeout: limitMs,
  }, async (test) => {
    await using project = await createProject({
      unbusy: `file:${tarball}`,
      ...pinned('kysely', 'better-sqlite3'),
      // Needed here alone: it is what Next bundles with, and no other bundler takes as much of a program for its own.
      webpack: '5.112.2',
    })
    await install(project, test, ...npmInstall)
    await project.write('program.js', stripTypeScriptTypes(await readFile(bundledProgram, 'utf8')))
    await project.write('bundle.js', bundleWithWebpack)

    await project.run('node', 'bundle.js')

    for (const dialect of ['better-sqlite3', 'node-sqlite']) {
      const output = await project.run('node', 'dist/program.cjs', dialect, `${dialect}.db`)
      expect([dialect, JSON.parse(output)]).toEqual([dialect, { by: 'worker', kinds: [] }])
    }
  })
})

const bundledProgram = join(import.meta.dirname, 'bundled/program.ts')

const bundleWithWebpack = `
import webpack from 'webpack'
const options = {
  mode: 'production',
  optimization: { minimize: false },
  target: 'node',
  entry: './program.js',
  output: { filename: 'program.cjs' },
  externals: { 'better-sqlite3': 'commonjs better-sqlite3' },
}
webpack(options, (failure, result) => {
  const errors = result?.toJson({ all: false, errors: true }).errors ?? []
  if (failure || errors.length > 0) throw failure ?? new Error(errors.map(({ message }) => message).join())
})`

/** A connection that stalls is given up before the install is. */
const npmInstall = ['npm', 'install', '--prefer-offline', '--fetch-timeout=10000'] as const

/** The rest of a test needs what cannot be had from a registry that is silent. */
async function install(
  project: Project,
  test: TestContext,
  ...command: readonly [string, ...string[]]
): Promise<void> {
  const reason = await project.install(...command)
  if (reason !== undefined) test.skip(`skipped: ${reason}`)
}

/** The versions that this repository itself is tested with. */
function pinned(...names: string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, manifest.devDependencies[name] as string]))
}
