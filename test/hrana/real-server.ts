/**
 * A real libSQL server for tests: the one that `LIBSQL_SERVER_URL` names, else an sqld of our own on loopback.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { env } from 'node:process'
import { freePort, isUp } from './ports.ts'
import { realProgram } from './real-install.ts'

/** A server that runs. Disposing of it ends it, and its database with it; a given one stays as it is. */
export interface RealServer extends AsyncDisposable {
  /** `http://127.0.0.1:…`, or what was given. */
  readonly url: string
  /** `ws://127.0.0.1:…`, or what was given with its scheme changed. */
  readonly wsUrl: string
  /** What it says of itself, such as `sqld 0.24.32 (40c272de 2026-05-10)`. */
  readonly version: string
}

/** Why there is none. */
export interface NoServer {
  readonly reason: string
}

const startLimitMs = 15_000
/** Ends sqld when the end of its standard input tells that the parent is gone, however that ended. */
const supervisor = '"$@" & child=$!; trap "kill $child" TERM; cat >/dev/null; kill $child; wait $child'

/**
 * Starts an empty one, or takes the given one. It costs 0.1 s once it is installed, and the install a few seconds.
 *
 * @example
 * ```ts
 * const server = await startRealServer()
 * describe.skipIf('reason' in server)('a real server', …)
 * ```
 */
export async function startRealServer(): Promise<RealServer | NoServer> {
  const given = env.LIBSQL_SERVER_URL
  if (given) return known(given.replace(/^libsql:/, 'https:').replace(/^ws/, 'http'), async () => {})
  const program = await realProgram()
  if ('reason' in program) return program
  const folder = mkdtempSync(join(tmpdir(), 'unbusy-sqld-'))
  const address = `127.0.0.1:${await freePort()}`
  const child = spawn(
    'sh',
    // Never anything but loopback: it has no authentication.
    [
      '-c',
      supervisor,
      'sh',
      program.path,
      '--no-welcome',
      '--db-path',
      folder,
      '--http-listen-addr',
      address,
    ],
    { stdio: ['pipe', 'ignore', 'ignore'] },
  )
  const ended = once(child, 'exit')
  const end = async (): Promise<void> => {
    child.stdin.end()
    await ended
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await isUp(`http://${address}/health`, startLimitMs)
    return await known(`http://${address}`, end)
  } catch (error) {
    await end()
    return { reason: `sqld did not start: ${(error as Error).message}` }
  }
}

async function known(url: string, end: () => Promise<void>): Promise<RealServer> {
  const version = await fetch(`${url}/version`).then(
    (response) => (response.ok ? response.text() : 'unknown'),
    () => 'unknown',
  )
  return { url, wsUrl: url.replace(/^http/, 'ws'), version, [Symbol.asyncDispose]: end }
}
