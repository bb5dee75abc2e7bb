/**
 * What stands between a program and its server answers in words of its own: what became of the write is told by the status.
 *
 * @module
 */
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { LockTimeoutError, openStorage, type Storage } from 'unbusy'
import { type LibsqlOptions, libsql } from 'unbusy/libsql'
import { describe, expect, it, onTestFinished } from 'vitest'
import { collectGarbageUntil } from '../../adapters/_libsql-garbage.ts'
import { run } from '../contract/run-sql.ts'
import { type AnyDatabase, countNotes, useServer } from './remote-storage.ts'

const remote = useServer()

type Answer = (response: ServerResponse, body: string) => boolean

const once = (status: number, type: string, body: string): Answer => {
  let isAnswered = false
  return (response) => {
    if (isAnswered) return false
    isAnswered = true
    response.writeHead(status, { 'content-type': type }).end(body)
    return true
  }
}

const json = 'application/json'

const lostStream = '{"message":"The stream has expired","code":"STREAM_EXPIRED"}'

const cases: readonly (readonly [
  name: string,
  answer: Answer,
  expected: 'stored' | 'refused' | 'unknown',
])[] = [
  ['401 in JSON without a code', once(401, json, '{"message":"Unauthorized"}'), 'refused'],
  ['403 with a JSON text', once(403, json, '"no"'), 'refused'],
  ['400 for a lost stream', once(400, `${json}; charset=utf-8`, lostStream), 'stored'],
  ['404 without a body', once(404, json, ''), 'refused'],
  ['429 in JSON without a code', once(429, json, '{"message":"Too many requests"}'), 'stored'],
  ['429 in JSON that is cut', once(429, json, '{"mess'), 'stored'],
  ['502 in JSON without a code', once(502, json, '{"message":"Bad gateway"}'), 'unknown'],
]

describe('a gateway', () => {
  it.each(cases)('C16 answers %s', async (_, answer, expected) => {
    const storage = await openBehind(insertsOnly(answer))
    await run(storage.db, 'create table note (id integer primary key, text)')

    const outcome = await storage.db
      .insertInto('note')
      .values({ text: 'a' })
      .execute()
      .then(
        () => 'stored',
        (error) => error.outcome,
      )

    expect(outcome).toBe(expected)
    expect(await countNotes(storage)).toBe(expected === 'stored' ? 1 : 0)
  })

  // So sqld says why it takes no token, and that a namespace is none.
  it.each(['message', 'error'])('C9 tells why it refuses, in JSON as %s', async (word) => {
    const reason = 'Unauthorized: `The JWT has expired`'
    const storage = await openBehind(insertsOnly(once(401, json, JSON.stringify({ [word]: reason }))))
    await run(storage.db, 'create table note (id integer primary key, text)')

    const writing = run(storage.db, "insert into note (text) values ('a')")

    await expect(writing).rejects.toMatchObject({
      outcome: 'refused',
      message: expect.stringContaining(`401: ${reason}`),
    })
  })

  it.each([301, 302, 307, 308])(
    'C16 redirects with %i: nothing is sent there, and the error says so',
    async (status) => {
      const answer: Answer = (response) => {
        response.writeHead(status, { location: `${remote.url('http')}/v2/pipeline?secret=1` }).end()
        return true
      }
      const storage = await openBehind(insertsOnly(answer))
      await run(storage.db, 'create table note (id integer primary key, text)')

      const writing = storage.db.insertInto('note').values({ text: 'a' }).execute()

      await expect(writing).rejects.toMatchObject({
        outcome: 'refused',
        message: expect.stringContaining(`${status}: it redirects to ${remote.url('http')}, and`),
      })
      expect(await countNotes(storage)).toBe(0)
    },
  )

  it('C16 redirects, and is too late, for a fetch of the user that looks at its first argument alone', async () => {
    let what = 'redirect'
    const answer: Answer = (response, body) => {
      if (!body.includes('insert')) return false
      if (what === 'redirect')
        response.writeHead(307, { location: `${remote.url('http')}/v2/pipeline` }).end()
      // The rest of it never comes.
      else response.writeHead(200, { 'content-type': json }).write('{"baton":')
      return true
    }
    const driverOptions = { fetch: (request: Request) => fetch(request) }
    const storage = await openBehind(answer, '', { driverOptions, requestTimeoutMs: 300 })
    await run(storage.db, 'create table note (id integer primary key, text)')
    const insert = () => storage.db.insertInto('note').values({ text: 'a' }).execute()

    await expect(insert()).rejects.toMatchObject({ outcome: 'refused' })
    what = 'late'
    await expect(insert()).rejects.toMatchObject({ outcome: 'unknown' })
  })

  it('takes no request without its length (411)', async () => {
    const needsLength: Answer = (response) => {
      if (response.req.headers['content-length'] !== undefined) return false
      response.writeHead(411, { 'content-type': 'text/plain' }).end('Length Required')
      return true
    }

    const storage = await openBehind(needsLength)

    await run(storage.db, 'create table note (id integer primary key, text)')
    expect(await countNotes(storage)).toBe(0)
  })

  it.each(['/db', '/db/main', '/db/main/'])('has the server at %s', async (path) => {
    const storage = await openBehind(() => false, path)

    await run(storage.db, 'create table note (id integer primary key, text)')
    await storage.write((trx) => run(trx, "insert into note (text) values ('a')"))

    expect(await countNotes(await remote.open('http'))).toBe(1)
  })

  it('C12 takes no long request (413): what was written together is sent in smaller parts', async () => {
    const isLong: Answer = (response, body) => {
      if (body.length < 20_000) return false
      response.writeHead(413, { 'content-type': 'text/html' }).end('<html>')
      return true
    }
    const storage = await openBehind(isLong)
    await run(storage.db, 'create table note (id integer primary key, text)')
    const queue = storage.append({ table: 'note' })
    const insert = (length: number) =>
      storage.db
        .insertInto('note')
        .values({ text: 'x'.repeat(length) })
        .execute()

    for (let number = 0; number < 10; number++) queue.push({ text: 'x'.repeat(4_000) })
    await queue.flush()
    const results = await Promise.allSettled([4_000, 4_000, 40_000, 4_000, 4_000, 4_000, 4_000].map(insert))

    expect(queue.stats()).toMatchObject({ flushed: 10, dropped: 0 })
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(1)
    expect(results[2]).toMatchObject({ reason: { code: 'SQLITE_TOOBIG' } })
    expect(await countNotes(storage)).toBe(16)
  })
})

it('C3 a fetch of the user that never answers is not waited for', async () => {
  const driverOptions = { fetch: () => new Promise(() => {}) }
  const connector = libsql({ url: 'http://127.0.0.1:1', requestTimeoutMs: 100, driverOptions })

  await expect(openStorage({ connector, lockTimeoutMs: 50 })).rejects.toBeInstanceOf(LockTimeoutError)
})

it('C3 an answer that stops in its middle is not waited for, also when what had asked for it was collected', async () => {
  const host = createServer((_, response) => {
    response.writeHead(200, { 'content-type': json }).write('{"baton":')
    // The head has come; a full collection ends what nobody holds.
    response.write(' ', () => void collectGarbageUntil(() => false))
  })
  await listen(host)
  onTestFinished(() => {
    host.close()
    host.closeAllConnections()
  })
  const url = `http://127.0.0.1:${(host.address() as AddressInfo).port}`
  const connector = libsql({ url, requestTimeoutMs: 1_000 })

  await expect(openStorage({ connector, lockTimeoutMs: 50 })).rejects.toBeInstanceOf(LockTimeoutError)
})

it('C3 a fetch of the user whose answer never ends is not waited for', async () => {
  const driverOptions = { fetch: async () => new Response(new ReadableStream()) }
  const connector = libsql({ url: 'http://127.0.0.1:1', requestTimeoutMs: 100, driverOptions })

  await expect(openStorage({ connector, lockTimeoutMs: 50 })).rejects.toBeInstanceOf(LockTimeoutError)
})

function insertsOnly(answer: Answer): Answer {
  return (response, body) => body.includes('insert') && answer(response, body)
}

/** A storage on the server, by way of a gateway, at a path of it, that answers what it likes by itself. */
async function openBehind(
  answer: Answer,
  path = '',
  options: Partial<LibsqlOptions> = {},
): Promise<Storage<AnyDatabase>> {
  const prefix = path.replace(/\/$/, '')
  const gateway = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    if (answer(response, body)) return
    const { url = '' } = request
    if (!url.startsWith(`${prefix}/v2`)) return response.writeHead(404).end(`no such path: ${url}`)
    const target = `${remote.url('http')}${url.slice(prefix.length)}`
    const passed = await fetch(target, { method: 'POST', body })
    response.writeHead(passed.status, { 'content-type': passed.headers.get('content-type') ?? '' })
    response.end(await passed.text())
  })
  await listen(gateway)
  onTestFinished(() => {
    gateway.close()
    gateway.closeAllConnections()
  })
  const { port } = gateway.address() as AddressInfo
  return remote.open('http', { lockTimeoutMs: 5_000 }, { ...options, url: `http://127.0.0.1:${port}${path}` })
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
}
