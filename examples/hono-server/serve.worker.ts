/**
 * `npm run start:workerd`: bundles `entry.worker.ts` and serves it with workerd, by way of miniflare, which brings the
 * local D1. On Cloudflare itself the same entry runs with a Durable Object `DEMO`, a D1 database `DB`, the page's files
 * as the JSON variable `PAGE`, and the same compatibility flag.
 *
 * @module
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { Miniflare, MiniflareCoreError } from 'miniflare'
import { parseDatabaseUrl, UnbusyError } from 'unbusy'
import { configFromEnv } from './config.ts'
import { stopHeader } from './stop-header.ts'
import { onStopSignal } from './stop-signals.ts'

/** What the Worker is told of the environment, as it is. */
const passedOn = /^(HOST|API_TOKEN|DATABASE_\w+|SQLITE_\w+|PRESENCE_\w+|SWEEP_\w+|USAGE_\w+)$/

try {
  await serve()
} catch (error) {
  console.error(error instanceof UnbusyError || error instanceof MiniflareCoreError ? error.message : error)
  process.exit(1)
}

async function serve(): Promise<void> {
  const { hostname, port, token, storage } = configFromEnv(process.env)
  const { D1_FOLDER = 'data/d1' } = process.env
  const secret = crypto.randomUUID()
  useWorkerdThatStays()
  const miniflare = new Miniflare({
    host: hostname,
    port,
    modules: [{ type: 'ESModule', path: 'worker.js', contents: bundle() }],
    compatibilityDate: '2026-07-01',
    // Or nobody hears of it when a client of an event stream goes away.
    compatibilityFlags: ['enable_request_signal'],
    d1Databases: ['DB'],
    d1Persist: D1_FOLDER,
    durableObjects: { DEMO: 'Demo' },
    bindings: {
      ...Object.fromEntries(Object.entries(process.env).filter(([name]) => passedOn.test(name))),
      PAGE: pageFiles(),
      STOP_SECRET: secret,
    },
  })
  const url = await miniflare.ready
  // Miniflare's own end workerd, and with it what was not written.
  process.removeAllListeners('SIGTERM').removeAllListeners('SIGINT')
  onStopSignal(() => shutDown(miniflare, secret))
  // As `entry.worker.ts` chooses: workerd has no files, so the URL of one means nothing to it.
  const isRemote = parseDatabaseUrl(storage.url).kind === 'remote'
  const database = isRemote ? new URL(storage.url).host : `D1 in ${D1_FOLDER}`
  const curl = token === undefined ? 'curl -s' : 'curl -s -H "authorization: Bearer $API_TOKEN"'
  console.log(`
The unbusy demo runs on workerd, database ${database}
It listens on ${url.origin}, try:

  ${curl} ${url.origin}/v1/machines -d '{ "id": "laptop", "metadata": "my first machine" }'
  ${curl} ${url.origin}/v1/machines

or open ${url.origin}/ in a browser
`)
}

/** Has miniflare start workerd by way of `workerd.sh`; elsewhere than on Windows, which has no such shell. */
function useWorkerdThatStays(): void {
  if (process.platform === 'win32') return
  const require = createRequire(createRequire(import.meta.url).resolve('miniflare'))
  process.env.DEMO_WORKERD = process.env.MINIFLARE_WORKERD_PATH ?? require('workerd').default
  process.env.MINIFLARE_WORKERD_PATH = join(import.meta.dirname, 'workerd.sh')
}

/** The object in workerd writes what waits, which it cannot once its process is gone. */
async function shutDown(miniflare: Miniflare, secret: string): Promise<void> {
  console.log('Stopping: what has begun may finish')
  let code = 0
  try {
    const answer = await miniflare.dispatchFetch('http://demo/', { headers: { [stopHeader]: secret } })
    const text = await answer.text()
    if (!answer.ok) throw new Error(text)
    console.log(text)
  } catch (error) {
    console.error('What was not written is lost, as workerd did not drain:', error)
    code = 1
  }
  await miniflare.dispose()
  process.exitCode = code
}

function bundle(): string {
  const outdir = mkdtempSync(join(tmpdir(), 'unbusy-demo-'))
  const bun = join(import.meta.dirname, '../../node_modules/.bin/bun')
  const entry = join(import.meta.dirname, 'entry.worker.ts')
  const args = ['--target', 'browser', '--conditions', 'workerd', '--conditions', 'unbusy-source']
  try {
    execFileSync(bun, ['build', entry, ...args, '--outdir', outdir], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    return readFileSync(join(outdir, 'entry.worker.js'), 'utf8')
  } finally {
    rmSync(outdir, { recursive: true, force: true })
  }
}

function pageFiles(): Record<string, string> {
  const folder = join(import.meta.dirname, 'page')
  return Object.fromEntries(
    readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
  )
}
