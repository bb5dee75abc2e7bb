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

const repository = resolve(import.meta.dirname, '../..')

/** A folder of its own with a package.json, removed at the end of the scope. */
export interface Project extends AsyncDisposable {
  readonly folder: string
  /** Runs a command in the folder and returns what it printed. @throws With both outputs if it exits non-zero. */
  run(command: string, ...args: string[]): Promise<string>
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
    write: (name, text) => writeFile(join(folder, name), text),
    filesLike: async (prefix) => (await readdir(folder)).filter((name) => name.startsWith(prefix)),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

/** Runs a command in the repository itself. */
export function runInRepository(command: string, ...args: string[]): Promise<string> {
  return runIn(repository, command, args)
}

async function runIn(folder: string, command: string, args: readonly string[]): Promise<string> {
  const path = `${join(repository, 'node_modules/.bin')}${delimiter}${process.env.PATH}`
  try {
    const { stdout } = await promisify(execFile)(command, args, {
      cwd: folder,
      env: { ...process.env, PATH: path, NO_COLOR: '1' },
      timeout: 120_000,
    })

    return stdout
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string }
    throw new Error(`Cannot run ${[command, ...args].join(' ')}\n${stdout}\n${stderr}`, { cause: error })
  }
}
