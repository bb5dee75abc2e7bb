/**
 * A libSQL server for programs that are no tests: `node --conditions=unbusy-source test/hrana/serve.ts [any|real|in-repo]`.
 * Its first line tells in JSON where the server is and what. Then it does to it what it reads, `freeze`, `kill` or `start`,
 * each answered with `done`. It ends with its input, and the server with it.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { type Outage, startRealServer } from './real-server.ts'
import { startHranaServer } from './start.ts'

interface Served extends AsyncDisposable {
  readonly url: string
  readonly title: string
  readonly outage?: Outage
}

const server = await serve(process.argv[2] ?? 'any')
const { url, title, outage } = server
console.log(JSON.stringify({ url, title, canFail: outage !== undefined }))
for await (const word of createInterface({ input: process.stdin })) {
  if (word === 'freeze' || word === 'kill' || word === 'start') await outage?.[word]()
  console.log('done')
}
await server[Symbol.asyncDispose]()
process.exit()

async function serve(choice: string): Promise<Served> {
  if (choice === 'in-repo') return serveInRepo('the Hrana server of this repository')
  const real = await startRealServer()
  if (!('reason' in real)) return { ...real, title: real.version }
  if (choice === 'real') throw new Error(`There is no real libSQL server, as ${real.reason}`)
  return serveInRepo(`the Hrana server of this repository (no sqld, as ${real.reason})`)
}

async function serveInRepo(title: string): Promise<Served> {
  const folder = await mkdtemp(join(tmpdir(), 'unbusy-hrana-'))
  const path = join(folder, 'served.db')
  let running = await startHranaServer({ path })
  const { url, port } = running
  return {
    url,
    title,
    outage: {
      async freeze() {
        process.kill(running.pid, 'SIGSTOP')
      },
      kill: () => running.kill(),
      async start() {
        running = await startHranaServer({ path, port })
      },
    },
    async [Symbol.asyncDispose]() {
      await running.kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
