/**
 * The one database of the three servers: a libSQL server that can be made to fail. It is one of those of the tests, in a
 * process of its own that ends with this one.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** Which server: the one of LIBSQL_SERVER_URL or an sqld, the Hrana server of this repository, or the first of these. */
export type ServerChoice = 'real' | 'in-repo' | 'any'

/** How to have it fail, and come back with what it has stored. */
export interface Outage {
  /** Stops it where it is: requests wait, connections stay. Only `kill()` ends that. */
  freeze(): Promise<void>
  /** Ends it at once, as a crash does. */
  kill(): Promise<void>
  /** Starts it again after `kill()`, at the same address on the same files. */
  start(): Promise<void>
}

/** A libSQL server that runs. */
export interface DatabaseServer {
  readonly url: string
  /** What it is, in words. */
  readonly title: string
  /** Missing for a given one, which others may use, too. */
  readonly outage?: Outage
  /** Ends it, unless it was given. */
  end(): Promise<void>
}

const program = fileURLToPath(new URL('../../test/hrana/serve.ts', import.meta.url))

/** @throws {Error} If there is no such server. */
export async function startDatabaseServer(choice: ServerChoice): Promise<DatabaseServer> {
  const child = spawn(process.execPath, ['--conditions=unbusy-source', program, choice], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // A Ctrl-C is not for it: the servers have to write what they hold before it ends.
    detached: true,
  })
  const ended = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const { value } = await lines.next()
  if (value === undefined) throw new Error('The database server did not start')
  const { url, title, canFail } = JSON.parse(value) as { url: string; title: string; canFail: boolean }
  const tell = async (word: keyof Outage): Promise<void> => {
    child.stdin.write(`${word}\n`)
    if ((await lines.next()).value !== 'done') throw new Error(`The database server failed at "${word}"`)
  }
  const outage: Outage = {
    freeze: () => tell('freeze'),
    kill: () => tell('kill'),
    start: () => tell('start'),
  }
  return {
    url,
    title,
    ...(canFail && { outage }),
    async end() {
      child.stdin.end()
      await ended
    },
  }
}
