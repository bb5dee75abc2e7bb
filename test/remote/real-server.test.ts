/**
 * The contract on a real libSQL server, where one can be had: an sqld of its own, over HTTP. Node alone, as what a server
 * does it does to every runtime.
 *
 * @module
 */
import { env } from 'node:process'
import { afterAll, it } from 'vitest'
import { quickServerFiles } from '../contract/server-files.ts'
import { givenServer } from '../hrana/given-server.ts'
import { startRealServer } from '../hrana/real-server.ts'

const server = await chooseServer()
if ('reason' in server) it.skip(`the contract on a real server (not here: ${server.reason})`, () => {})
else {
  // Before the cases are imported: they read there where they run.
  const restore = [setVariable('CONNECTORS', 'libsql-server'), setVariable('LIBSQL_SERVER_URL', server.url)]
  afterAll(async () => {
    for (const each of restore) each()
    await server[Symbol.asyncDispose]()
  })
  for (const name of quickServerFiles) await import(`../contract/${name}.test.ts`)
}

async function chooseServer(): ReturnType<typeof startRealServer> {
  if ('Bun' in globalThis || 'Deno' in globalThis) return { reason: 'it is met on Node' }
  if (givenServer() !== undefined) return { reason: 'the other files run on the one that is given' }
  return startRealServer()
}

function setVariable(name: string, value: string): () => void {
  const before = env[name]
  env[name] = value
  return () => {
    if (before === undefined) delete env[name]
    else env[name] = before
  }
}
