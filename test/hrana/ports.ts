/**
 * Loopback ports for programs that cannot choose one themselves.
 *
 * @module
 */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
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
