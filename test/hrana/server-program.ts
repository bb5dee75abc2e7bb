/** The Hrana test server, in a process of its own: its argument is its settings in JSON, its first line is its port. */
import type { AddressInfo } from 'node:net'
import process from 'node:process'
import { createHttpServer } from './http-server.ts'
import { ServerCore, type ServerSettings } from './server-core.ts'
import { acceptSockets } from './websocket.ts'

const settings: ServerSettings = JSON.parse(process.argv[2] ?? '{}')
const core = new ServerCore(settings)
const server = createHttpServer(core)
acceptSockets(core, server)
server.listen(settings.port ?? 0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
// The parent holds the other end: it is gone when that closes, however it ended.
process.stdin.on('end', () => process.exit(0)).resume()
