/**
 * Empty projects outside the repository, where the packed package is installed as a user would do it, and the commands
 * that run there.
 *
 * @module
 */
import { execFile } from 'node:child_process'
import { copyFile, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { promisify } from 'node:util'

const commandLimitMs = 60_000
/** Ten times what it takes; `npm ci` has put all but the names of versions into the cache. */
const installLimitMs = 40_000
const probeLimitMs = 15_000

const repository = resolve(import.meta.dirname, '../..')

/** A folder of its own with a package.json, removed at the end of the scope. */
export interface Project extends AsyncDisposable {
  readonly folder: string
  /** Runs a command in the folder and returns what it printed. @throws With both outputs if it exits non-zero. */
  run(command: string, ...args: string[]): Promise<string>
  /**
   * Runs a command that installs packages from the registry.
   *
   * @returns Why the registry cannot be used, or undefined once they are installed.
   * @throws With both outputs if it fails in time although the registry answers.
   */
  install(command: string, ...args: string[]): Promise<string | undefined>
  /** Writes a file of the project. */
  write(name: string, text: string): Promise<void>
  /** The names in the folder that start with the prefix. */
  filesLike(prefix: string): Promise<readonly string[]>
}

/** Creates a project that depends on the given packages; nothing is installed yet. It holds the program `app.ts`. */
export async function createProject(dependencies: Record<string, string>): Promise<Project> {
  const folder = await mkdtemp(join(tmpdir(), 'unbusy-consumer-'))
  await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'module', dependencies }))
  await copyFile(join(import.meta.dirname, 'consumer/app.ts'), join(folder, 'app.ts'))

  return {
    folder,
    run: (command, ...args) => runIn(folder, command, args),
    install: (command, ...args) => installIn(folder, command, args),
    write: (name, text) => writeFile(join(folder, name), text),
    filesLike: async (prefix) => (await readdir(folder)).filter((name) => name.startsWith(prefix)),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

/** Runs a command in the repository itself. */
export function runInRepository(command: string, ...args: string[]): Promise<string> {
  return runIn(repository, command, args)
}

/** A registry that is silent keeps an install waiting for minutes, so nobody asks it again. */
let registryFailure: string | undefined

async function installIn(
  folder: string,
  command: string,
  args: readonly string[],
): Promise<string | undefined> {
  if (registryFailure !== undefined) return registryFailure
  try {
    await runIn(folder, command, args, installLimitMs)
  } catch (error) {
    const { killed } = (error as Error).cause as { killed?: boolean }
    if (!killed && (await registryAnswers())) throw error
    registryFailure = 'the package registry does not answer, or too slowly'
  }

  return registryFailure
}

async function registryAnswers(): Promise<boolean> {
  const options = ['--prefer-online', '--fetch-timeout=10000', '--fetch-retries=0']
  try {
    await runIn(repository, 'npm', ['view', 'kysely', 'version', ...options], probeLimitMs)
    return true
  } catch {
    return false
  }
}

async function runIn(
  folder: string,
  command: string,
  args: readonly string[],
  timeout = commandLimitMs,
): Promise<string> {
  const path = `${join(repository, 'node_modules/.bin')}${delimiter}${process.env.PATH}`
  try {
    const { stdout } = await promisify(execFile)(command, args, {
      cwd: folder,
      env: { ...process.env, PATH: path, NO_COLOR: '1' },
      timeout,
    })

    return stdout
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string }
    throw new Error(`Cannot run ${[command, ...args].join(' ')}\n${stdout}\n${stderr}`, { cause: error })
  }
}
