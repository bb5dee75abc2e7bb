/**
 * The live page in a browser. On Node alone, as the files are the same on every runtime, and the browser too.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { chromium, type Page, type Route } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Demo, runtime, startDemo, temporaryFolder } from './demo-server.ts'

const executablePath = '/usr/bin/chromium'
const reason =
  runtime !== 'node'
    ? ' (skipped here: the run on Node does it)'
    : existsSync(executablePath)
      ? ''
      : ` (skipped: there is no ${executablePath}; apt-get install chromium)`

const options = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
]

// Each waits for servers that start, and for the page to try again.
describe.skipIf(reason !== '')(`live page${reason}`, { timeout: 60_000 }, () => {
  let browser: Awaited<ReturnType<typeof chromium.launch>>

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath, headless: true, args: options })
  })

  afterAll(() => browser?.close())

  it('outlives a server that goes away while it reads its lists', async () => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'demo.db')
    await using first = await startOpen(path)
    const page = await openPage(first)
    await end(first, page)

    const held = Promise.withResolvers<Route>()
    await page.route('**/v1/sessions', (route) => held.resolve(route), { times: 1 })
    const isOtherListRead = page.waitForResponse('**/v1/machines')
    await using second = await startOpen(path, first)
    const [route] = await Promise.all([held.promise, isOtherListRead])
    await end(second, page)
    await route.abort()

    await using third = await startOpen(path, first)
    await isSamePage(page, 'open')
    expect(await watching(third)).toBe(1)
  })

  it('is not loaded anew for an answer that is no stream, unless that asks for a token', async () => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'demo.db')
    await using open = await startOpen(path)
    const page = await openPage(open)
    await end(open, page)

    let refusals = 0
    await page.route('**/v1/events', (route) => {
      refusals++
      return route.fulfill({ status: 503, body: 'a gateway without a server' })
    })
    await expect.poll(() => refusals).toBeGreaterThan(1)
    await isSamePage(page, 'lost')

    await page.unroute('**/v1/events')
    await using _closed = await startOpen(path, open, { API_TOKEN: 'secret' })
    await page.waitForSelector('input[name=token]')
  })

  it('does not take the sessions that it knows for all that there are', async () => {
    await using folder = await temporaryFolder()
    await using demo = await startOpen(join(folder.path, 'demo.db'))
    const tags = Array.from({ length: 151 }, (_, index) => `session ${index}`)
    await Promise.all(tags.map((tag) => demo.request('/v1/sessions', { tag, metadata: '' })))

    const page = await openPage(demo)

    await expect.poll(() => page.textContent('#sessions-count')).toBe('150 of the latest 150 active')
    expect(await page.textContent('#machines-count')).toBe('')
  })

  /** A page that is live, and marked: a document that takes its place is not. */
  async function openPage(demo: Demo): Promise<Page> {
    const page = await browser.newPage()
    await page.goto(demo.url)
    await page.waitForSelector('[data-connection=open]')
    await page.evaluate('document.body.dataset.isFirst = ""')
    return page
  }
})

/** Without a token; in the place of an earlier one, if that is given. */
function startOpen(path: string, earlier?: Demo, env: NodeJS.ProcessEnv = {}): Promise<Demo> {
  const port = earlier === undefined ? {} : { PORT: new URL(earlier.url).port }
  return startDemo({ runtime: 'node', dialect: 'better-sqlite3' }, path, { API_TOKEN: '', ...port, ...env })
}

async function end(demo: Demo, page: Page): Promise<void> {
  await demo.stop()
  await page.waitForSelector('[data-connection=lost]')
}

async function isSamePage(page: Page, connection: 'open' | 'lost'): Promise<void> {
  await page.waitForSelector(`[data-connection=${connection}]`)
  expect(await page.evaluate('"isFirst" in document.body.dataset')).toBe(true)
}

async function watching(demo: Demo): Promise<number> {
  return Number(/^demo_event_clients (\d+)$/m.exec((await demo.request('/metrics')).body)?.[1])
}
