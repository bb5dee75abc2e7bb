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
import { createInterface } from 'node:readline'
import { givenServer } from './given-server.ts'
import { freePort, isUp } from './ports.ts'
import { realProgram } from './real-install.ts'

/** A server that runs. Disposing of it ends it, and its database with it; a given one stays as it is. */
export interface RealServer extends AsyncDisposable {
  /** `http://127.0.0.1:…`, or what was given. */
  readonly url: string
  /** `ws://127.0.0.1:…`, or what was given with its scheme changed. */
  readonly wsUrl: string
  /** Of a given one that asks for it. */
  readonly authToken?: string
  /** What it says of itself, such as `sqld 0.24.32 (40c272de 2026-05-10)`. */
  readonly version: string
  /** What can be done to it, but for a given one. */
  readonly outage?: Outage
}

/** How to have a database server fail, and come back with what it has stored. */
export interface Outage {
  /** Stops it where it is: requests wait, connections stay. Only `kill()` ends that. */
  freeze(): Promise<void>
  /** Ends it at once, as a crash does. */
  kill(): Promise<void>
  /** Starts it again after `kill()`, at the same address on the same files. */
  start(): Promise<void>
}

/** Why there is none. */
export interface NoServer {
  readonly reason: string
}

const startLimitMs = 15_000
/** Does to sqld what it reads, and ends it when the end of its standard input tells that the parent is gone, however that ended. */
const supervisor = `
  start() { "$@" </dev/null >/dev/null 2>&1 & child=$!; }
  start "$@"
  trap 'kill $child; exit' TERM
  while read -r word; do
    case $word in
      freeze) kill -STOP $child ;;
      kill) kill -KILL $child; wait $child ;;
      start) start "$@" ;;
    esac
    echo done
  done
  kill $child; kill -CONT $child; wait $child`

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
  const given = givenServer()
  if (given !== undefined) {
    const url = given.url.replace(/^libsql:/, 'https:').replace(/^ws/, 'http')
    return { ...(await known(url, async () => {})), ...(given.authToken && { authToken: given.authToken }) }
  }
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
    { stdio: ['pipe', 'pipe', 'ignore'] },
  )
  const ended = once(child, 'exit')
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const tell = async (word: keyof Outage): Promise<void> => {
    child.stdin.write(`${word}\n`)
    await answers.next()
  }
  const up = (): Promise<void> => isUp(`http://${address}/health`, startLimitMs)
  const outage: Outage = {
    freeze: () => tell('freeze'),
    kill: () => tell('kill'),
    start: () => tell('start').then(up),
  }
  const end = async (): Promise<void> => {
    child.stdin.end()
    await ended
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await up()
    return { ...(await known(`http://${address}`, end)), outage }
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
