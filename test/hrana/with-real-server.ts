/**
 * Runs a command with `LIBSQL_SERVER_URL` set to a real server, if one can be had; without it, with the reason told.
 * `node test/hrana/with-real-server.ts vitest run test/remote`
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { startRealServer } from './real-server.ts'

const [command = '', ...args] = process.argv.slice(2)
const server = await startRealServer()
if ('reason' in server) console.log(`skipped: no real libSQL server, as ${server.reason}`)
else console.log(`A real libSQL server: ${server.version}`)
const url = 'reason' in server ? {} : { LIBSQL_SERVER_URL: server.url }
const child = spawn(command, args, { stdio: 'inherit', env: { ...process.env, ...url } })
const [code, signal] = await once(child, 'exit')
if (!('reason' in server)) await server[Symbol.asyncDispose]()
process.exit(signal === null ? code : 1)
