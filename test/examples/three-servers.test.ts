/**
 * The example of three servers and one database, played in short: what was acknowledged is there, once, whatever was
 * killed. On Node only, as the run itself has a server on each runtime.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { Result } from '../../examples/three-servers/rehearsal.ts'
import { realProgram } from '../hrana/real-install.ts'
import { binary } from '../processes/peer.ts'
import { runtime } from './demo-server.ts'

const real = runtime === 'node' ? await realProgram() : { reason: 'it is played on Node' }

describe.skipIf(runtime !== 'node')('npm run start:three', () => {
  it('loses nothing on the in-repo server, and its servers go on until Ctrl-C', {
    timeout: 60_000,
  }, async () => {
    const { child, result, urls } = await play('in-repo', '--keep')
    const arePresent = await Promise.all(urls.map(isUp))
    child.kill('SIGINT')
    const [code] = await once(child, 'exit')

    expectKept(result)
    expect(arePresent).toEqual([true, true, true])
    expect(code).toBe(0)
    expect(await Promise.all([...urls, result.databaseUrl].map(isUp))).toEqual([false, false, false, false])
  })

  if ('reason' in real) it.skip(`loses nothing on a real server (not here: ${real.reason})`, () => {})
  else
    it('loses nothing on a real server', { timeout: 60_000 }, async () => {
      const { child, result } = await play('real')
      const [code] = child.exitCode === null ? await once(child, 'exit') : [child.exitCode]

      expectKept(result)
      expect(code).toBe(0)
    })
})

/** Plays it until it has told its result. @throws {Error} With what it said, if it did not. */
async function play(
  server: 'real' | 'in-repo',
  ...options: string[]
): Promise<{ readonly child: ChildProcess; readonly result: Result; readonly urls: readonly string[] }> {
  const program = fileURLToPath(new URL('../../examples/three-servers/run.ts', import.meta.url))
  const args = [
    '--conditions=unbusy-source',
    program,
    `--server=${server}`,
    '--phase-ms=300',
    '--json',
    ...options,
  ]
  const child = spawn(binary('node'), args, {
    // The given server of a remote run is not ours to kill.
    env: { ...process.env, PRESENCE_FLUSH_MS: '200', LIBSQL_SERVER_URL: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (text) => {
    said += text
  })
  for await (const line of createInterface({ input: child.stdout })) {
    said += `${line}\n`
    const urls = [...said.matchAll(/^A demo server on \w+: (\S+)$/gm)].map(([, url]) => url as string)
    if (line.startsWith('{')) return { child, result: JSON.parse(line) as Result, urls }
  }
  throw new Error(`It did not come to its end:\n${said}`)
}

function expectKept(result: Result): void {
  const { findings, machinesShown, activeShown, isOnePicture, isRestarted, killed } = result
  expect(Object.fromEntries(findings.map(({ what, lost, twice }) => [what, { lost, twice }]))).toEqual({
    'machines registered': { lost: 0, twice: 0 },
    'sessions opened': { lost: 0, twice: 0 },
    'changes of metadata': { lost: 0, twice: 0 },
    'usage reports': { lost: 0, twice: 0 },
    'usage events': { lost: 0, twice: 0 },
    'last heartbeats': { lost: 0, twice: 0 },
  })
  // So many that the load went on all the time.
  for (const { what, acknowledged } of findings) expect(acknowledged, what).toBeGreaterThanOrEqual(12)
  expect({ machinesShown, activeShown, isOnePicture, isRestarted }).toEqual({
    machinesShown: [12, 12, 12],
    activeShown: [12, 12, 12],
    isOnePicture: true,
    isRestarted: true,
  })
  expect(killed.events).toBeGreaterThan(0)
  expect(killed.oldestLostMs).toBeLessThan(5_000)
}

async function isUp(url: string): Promise<boolean> {
  return fetch(url).then(
    () => true,
    () => false,
  )
}
