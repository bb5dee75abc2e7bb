/**
 * A demo without a token, which every page that the user opens can reach: under the name of another site it answers nothing.
 *
 * @module
 */
import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runtime, startDemo, targets, temporaryFolder, workerdTargets } from './demo-server.ts'
import { statusOf } from './route-case.ts'

const body = '{ "id": "of-a-page", "metadata": "" }'
const [d1] = workerdTargets

const anyTargets = [targets[0], ...(runtime === 'node' ? [d1] : [])].filter((target) => target !== undefined)

describe.concurrent.each(anyTargets)('demo on $runtime with $dialect and without a token', (target) => {
  it('answers to the names of this computer alone, whoever asks', async () => {
    await using folder = await temporaryFolder()
    await using demo = await startDemo(target, join(folder.path, 'demo.db'), { API_TOKEN: '' })
    const { port } = new URL(demo.url)
    const read = (host: string): Promise<number> => statusOf(demo.url, { host }, [], 'GET')
    const write = (host: string): Promise<number> =>
      statusOf(`${demo.url}/v1/machines`, { host, origin: `http://${host}` }, [body])

    const others = [
      `evil.example:${port}`,
      'evil.example',
      '127.0.0.1.evil.example',
      'localhost.evil.example:80',
    ]
    for (const host of others) expect([host, await read(host), await write(host)]).toEqual([host, 403, 403])
    const own = [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`, 'LOCALHOST']
    for (const host of own) expect([host, await read(host)]).toEqual([host, 200])
    expect(await write(`127.0.0.1:${port}`)).toBe(200)
    expect(await refusal(`${demo.url}/v1/machines`)).toEqual({
      error: 'forbidden',
      reason: expect.stringContaining('API_TOKEN'),
    })
  })
})

/** What a page reads that has pointed its own name here. */
function refusal(url: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      url,
      { headers: { host: 'evil.example' }, agent: false },
      async (response) => {
        resolve(JSON.parse((await response.toArray()).join('')))
      },
    )
    request.on('error', reject).end()
  })
}
