/**
 * The one database of the three servers. Both libSQL servers that can be started here are those of the tests, which is
 * why this file reaches into `test/`: where one exists already, `LIBSQL_SERVER_URL` names it.
 *
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { type Outage, startRealServer } from '../../test/hrana/real-server.ts'
import { startHranaServer } from '../../test/hrana/start.ts'

/** Which server: a given one or a real sqld, the Hrana server of this repository, or whichever can be had in that order. */
export type ServerChoice = 'real' | 'in-repo' | 'any'

/** A libSQL server that runs. Disposing of it ends it, unless it was given. */
export interface DatabaseServer extends AsyncDisposable {
  readonly url: string
  /** What it is, in words. */
  readonly title: string
  /** How it can be made to fail; missing for a given one, which others may use, too. */
  readonly outage?: Outage
}

/** @throws {Error} If there is no such server. */
export async function startDatabaseServer(choice: ServerChoice): Promise<DatabaseServer> {
  if (choice === 'in-repo') return startInRepo('the Hrana server of this repository')
  const real = await startRealServer()
  if (!('reason' in real)) return { ...real, title: real.version }
  if (choice === 'real') throw new Error(`There is no real libSQL server, as ${real.reason}`)
  return startInRepo(`the Hrana server of this repository (no sqld, as ${real.reason})`)
}

async function startInRepo(title: string): Promise<DatabaseServer> {
  const folder = await mkdtemp(join(tmpdir(), 'unbusy-three-'))
  const path = join(folder, 'three.db')
  let server = await startHranaServer({ path })
  const { port } = server
  const outage: Outage = {
    async freeze() {
      process.kill(server.pid, 'SIGSTOP')
    },
    kill: () => server.kill(),
    async start() {
      server = await startHranaServer({ path, port })
    },
  }
  return {
    url: server.url,
    title,
    outage,
    async [Symbol.asyncDispose]() {
      await server.kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
