/**
 * Loopback ports that have to be known before their server starts.
 *
 * @module
 */
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below those that systems give out by themselves: a test beside this one that asks for any port cannot get it. */
const ownPorts = { first: 20_000, count: 10_000 } as const

/** A port that was free a moment ago. @throws {Error} If the loopback interface cannot be listened on. */
export async function freePort(): Promise<number> {
  const port = ownPorts.first + Math.floor(Math.random() * ownPorts.count)
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return freePort()
    throw error
  }
  server.close()
  await once(server, 'close')
  return port
}

/** Resolves when the address answers. @throws {Error} If it does not within the time. */
export async function isUp(url: string, limitMs: number): Promise<void> {
  const deadline = performance.now() + limitMs
  while (true) {
    try {
      await (await fetch(url)).arrayBuffer()
      return
    } catch (cause) {
      if (performance.now() > deadline)
        throw new Error(`${url} did not answer within ${limitMs} ms`, { cause })
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
  }
}
