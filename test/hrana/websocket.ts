/**
 * Where WebSockets come in.
 *
 * @module
 */
import type { Server } from 'node:http'
import { WebSocketServer } from 'ws'
import type { ServerCore } from './server-core.ts'
import { SocketSession } from './socket-session.ts'

/** As sqld: a longer message ends the connection, without a word. */
const maxMessageBytes = 16 * 2 ** 20

/** Accepts WebSockets at any address of the server, with the JSON protocols only. */
export function acceptSockets(core: ServerCore, server: Server): void {
  const sockets = new WebSocketServer({
    server,
    maxPayload: maxMessageBytes,
    handleProtocols: (offered) => ['hrana3', 'hrana2'].find((name) => offered.has(name)) ?? false,
  })
  core.cutSockets = () => {
    for (const socket of sockets.clients) socket.terminate()
  }
  sockets.on('connection', (socket) => {
    core.counts.sockets++
    const session = new SocketSession(core, socket)
    socket.on('message', (data) => session.receive(String(data)))
    socket.on('close', () => session.close())
    socket.on('error', () => socket.terminate())
  })
}
