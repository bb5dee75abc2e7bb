/**
 * Every fault of the in-repo server gives the client the error of the real thing, and leaves behind what it says.
 *
 * @module
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, createClient } from '@libsql/client'
import { afterAll, expect, it, onTestFinished } from 'vitest'
import { runtime, temporaryFolder } from '../adapters/_local.ts'
import { failure, ids } from './client-cases.ts'
import type { Fault } from './faults.ts'
import type { ServerSettings } from './server-core.ts'
import { type HranaServer, startHranaServer } from './start.ts'

interface Setting {
  readonly server: HranaServer
  readonly client: Client
}

/** Most tests do with one, as starting a process is most of the time that they take. */
let shared: Promise<HranaServer> | undefined
const folder = mkdtempSync(join(tmpdir(), 'unbusy-hrana-'))
afterAll(async () => {
  await (await shared)?.kill()
  rmSync(folder, { recursive: true, force: true })
})

async function sharedServer(): Promise<HranaServer> {
  shared ??= startHranaServer({ path: join(folder, 'shared.db') })
  return shared
}

async function ownServer(settings: Partial<ServerSettings>): Promise<HranaServer> {
  const server = await startHranaServer({ path: join(temporaryFolder(), 'own.db'), ...settings })
  onTestFinished(() => server.kill())
  return server
}

/** Deno's fetch sends a POST again when the connection is cut, and the client would see nothing; a stream it cannot. */
async function sendOnce(request: Request): Promise<Response> {
  const body = new Blob([await request.arrayBuffer()])
  return fetch(request.url, {
    method: 'POST',
    headers: request.headers,
    body: runtime === 'deno' ? body.stream() : body,
  })
}

/** A client of an empty table `t`, and its server with nothing counted. */
async function setUp(
  transport: 'url' | 'wsUrl' = 'url',
  server?: HranaServer,
  config: { authToken?: string } = {},
): Promise<Setting> {
  const used = server ?? (await sharedServer())
  // Before there is a client, whose WebSocket it would cut.
  await used.restart()
  await used.reset()
  const client = createClient({ url: used[transport], fetch: sendOnce, ...config })
  onTestFinished(() => client.close())
  await client.batch(['drop table if exists t', 'create table t (id integer primary key, v text)'], 'write')
  await used.reset()
  return { server: used, client }
}

const insert = (id: number): string => `insert into t values (${id}, 'a')`
/** What each runtime's own fetch says of a connection that was cut. */
const cut = {
  node: { name: 'TypeError', message: 'fetch failed' },
  bun: { name: 'TypeError', code: 'ECONNRESET' },
  deno: { name: 'TypeError', message: 'fetch failed' },
}[runtime]
const cutSocket = { name: 'LibsqlError', code: 'HRANA_WEBSOCKET_ERROR' }

/** The fault, what the client is told over HTTP, and whether the batch is committed. */
const table: readonly (readonly [fault: Fault, told: object, committed: boolean])[] = [
  [{ kind: 'drop', when: 'before' }, cut, false],
  [{ kind: 'drop', when: 'after' }, cut, true],
  [{ kind: 'status', when: 'before', status: 503 }, { code: 'SERVER_ERROR', status: 503 }, false],
  [{ kind: 'status', when: 'after', status: 502 }, { code: 'SERVER_ERROR', status: 502 }, true],
  [{ kind: 'status', when: 'before', status: 429 }, { code: 'SERVER_ERROR', status: 429 }, false],
  [{ kind: 'garbage' }, { name: 'SyntaxError' }, true],
  [{ kind: 'error', code: 'SQLITE_BUSY', message: 'database is locked' }, { code: 'SQLITE_BUSY' }, false],
]

it('HTTP: the error of each fault, and what it leaves behind', async () => {
  const { server, client } = await setUp()
  let id = 0
  for (const [fault, told, committed] of table) {
    id++
    await server.faults({ script: [{ fault, matching: 'COMMIT' }] })
    const error = await client.batch([insert(id)], 'write').catch((reason) => reason)
    const { name, message, code } = error
    expect({ name, message, code, status: error.cause?.status }, JSON.stringify(fault)).toMatchObject(told)
    expect((await ids(client)).includes(id), JSON.stringify(fault)).toBe(committed)
  }
  expect((await server.counts()).faults).toBe(table.length)
})

it('the own fetch of each runtime: Deno alone sends a POST again, and a write is applied twice', async () => {
  const { server, client } = await setUp()
  await server.faults({ script: [{ fault: { kind: 'drop', when: 'after' } }] })
  const plain = createClient({ url: server.url })

  const outcome = await plain.execute("insert into t (v) values ('a')").then(
    () => 'acknowledged',
    () => 'failed',
  )

  plain.close()
  expect([outcome, (await ids(client)).length]).toEqual(
    runtime === 'deno' ? ['acknowledged', 2] : ['failed', 1],
  )
})

it('WebSocket: it is cut where HTTP has a status, and the next call opens another', async () => {
  const { server, client } = await setUp('wsUrl')
  for (const [id, when] of [
    [1, 'before'],
    [2, 'after'],
  ] as const) {
    await server.faults({ script: [{ fault: { kind: 'drop', when }, matching: 'COMMIT' }] })
    expect(await failure(client.batch([insert(id)], 'write'))).toMatchObject(cutSocket)
  }
  expect(await ids(client)).toEqual([2])
})

it('a stream that expired, and a server that was restarted, roll back and are told of differently', async () => {
  const { server, client } = await setUp()
  for (const [kind, told] of [
    ['expire', { code: 'STREAM_EXPIRED' }],
    ['restart', { code: 'SERVER_ERROR' }],
  ] as const) {
    const tx = await client.transaction('write')
    await tx.execute(insert(1))
    await server.faults({ script: [{ fault: { kind } }] })
    expect(await failure(tx.execute(insert(2)))).toMatchObject(told)
  }
  const tx = await client.transaction('write')
  await tx.execute(insert(3))
  await server.restart()
  expect(await failure(tx.commit())).toMatchObject({ code: 'SERVER_ERROR' })
  expect(await ids(client)).toEqual([])
  expect((await server.counts()).openStreams).toBe(0)
})

it('an idle stream expires by itself, and its lock is free', async () => {
  const { client } = await setUp('url', await ownServer({ streamIdleMs: 100 }))
  const tx = await client.transaction('write')
  await tx.execute(insert(1))

  await client.execute(insert(2))

  expect(await failure(tx.commit())).toMatchObject({ code: 'STREAM_EXPIRED' })
  expect(await ids(client)).toEqual([2])
})

it('a forced timeout by script, on both transports', async () => {
  for (const transport of ['url', 'wsUrl'] as const) {
    const { server, client } = await setUp(transport)
    const tx = await client.transaction('write')
    await tx.execute(insert(1))
    await server.faults({ script: [{ fault: { kind: 'transaction-timeout' }, matching: 'COMMIT' }] })
    expect(await failure(tx.commit())).toMatchObject({ code: 'TRANSACTION_TIMEOUT' })
    expect(await ids(client)).toEqual([])
  }
})

it('who gives up a wait for the lock: what it had sent is done, its transaction is gone', async () => {
  const { server, client } = await setUp()
  const holder = await client.transaction('write')
  await holder.execute(insert(1))
  const impatient = createClient({
    url: server.url,
    fetch: (request: Request) => fetch(request, { signal: AbortSignal.timeout(100) }),
  })
  const tx = await impatient.transaction('write')
  const ends = await Promise.allSettled([impatient.execute(insert(2)), tx.execute(insert(3))])
  expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect((await server.counts()).waitingForLock).toBe(2)

  await holder.commit()

  await client.execute(insert(4))
  expect(await ids(client)).toEqual([1, 2, 4])
  // The last write has not had to take the lock away from a transaction that nobody can go on with.
  expect(await server.counts()).toMatchObject({ forcedRollbacks: 0, openStreams: 0 })
  impatient.close()
})

it('a token that is asked for, and never recorded', async () => {
  const { server, client } = await setUp('url', await ownServer({ authToken: 'secret' }), {
    authToken: 'secret',
  })
  expect(await ids(client)).toEqual([])
  for (const url of [server.url, server.wsUrl]) {
    const stranger = createClient({ url, authToken: 'wrong' })
    const error = await stranger.execute('select 1').catch((reason) => reason)
    expect([error.code, error.cause?.status]).toEqual(
      url === server.url ? ['SERVER_ERROR', 401] : ['HRANA_WEBSOCKET_ERROR', undefined],
    )
    stranger.close()
  }
  expect(JSON.stringify(await server.requests())).not.toContain('secret')
})

it('chance is the same for the same seed, and counters tell round trips, statements and commits', async () => {
  const { server, client } = await setUp()
  const runs: string[] = []
  for (let run = 0; run < 2; run++) {
    await server.reset()
    await server.faults({
      random: { seed: 5, rate: 0.5, faults: [{ kind: 'status', when: 'before', status: 500 }] },
    })
    const outcomes = []
    for (let i = 0; i < 20; i++) outcomes.push(await client.execute('select 1').then(Boolean, () => false))
    runs.push(outcomes.join())
  }
  expect(runs[0]).toBe(runs[1])
  expect(runs[0]).toMatch(/true.*false|false.*true/)

  await server.reset()
  await client.batch([insert(1), insert(2)], 'write')
  expect(await server.counts()).toMatchObject({ roundTrips: 1, statements: 4, commits: 1, openStreams: 0 })
})

it('after a crash of its process, another one goes on with the same file at the same port', async () => {
  const path = join(temporaryFolder(), 'crash.db')
  const first = await startHranaServer({ path })
  const client = createClient({ url: first.url })
  onTestFinished(() => client.close())
  await client.batch(['create table t (id integer primary key, v text)', insert(1)], 'write')
  const tx = await client.transaction('write')
  await tx.execute(insert(2))
  await first.kill()
  expect(await client.execute('select 1').catch((reason) => reason)).toBeInstanceOf(Error)

  await using second = await startHranaServer({ path, port: first.port })

  expect(await failure(tx.commit())).toMatchObject({ code: 'SERVER_ERROR' })
  expect(await ids(client)).toEqual([1])
  expect(second.port).toBe(first.port)
  expect(existsSync(path)).toBe(true)
})
