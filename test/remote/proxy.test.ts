/**
 * A proxy that the environment names: what it says of the way to the server is known not to have reached the server.
 *
 * @module
 */
import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { runtime } from '../contract/matrix.ts'
import { binary } from '../processes/peer.ts'
import { leadingArguments } from '../processes/program.ts'

const program = fileURLToPath(new URL('proxied-program.ts', import.meta.url))

it.each([
  ['407 Proxy Authentication Required', /407|proxy authentication required/],
  ['502 Bad Gateway', /502|unsuccessful tunnel/],
])('C16 a proxy that lets nobody through to the server (%s) has sent nothing', async (status, reason) => {
  const proxy = createServer().on('connect', (_, socket) => {
    socket.end(`HTTP/1.1 ${status}\r\ncontent-length: 0\r\n\r\n`)
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  const HTTPS_PROXY = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
  const env = { ...process.env, HTTPS_PROXY, https_proxy: HTTPS_PROXY, NO_PROXY: '', NODE_USE_ENV_PROXY: '1' }

  const args = [...leadingArguments[runtime], program, 'https://db.example.com']
  const { stdout } = await promisify(execFile)(binary(runtime), args, { env })

  const { outcome, message } = JSON.parse(stdout)
  expect(outcome, message).toBe('not-applied')
  expect(message).toMatch(reason)
  proxy.close()
})
