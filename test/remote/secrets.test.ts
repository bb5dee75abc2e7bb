import { inspect } from 'node:util'
import { ConfigError, openStorage } from 'unbusy'
import { connectorFor } from 'unbusy/auto'
import { libsql } from 'unbusy/libsql'
import { describe, expect, it } from 'vitest'
import { run } from '../contract/run-sql.ts'
import { transports, useServer } from './remote-storage.ts'

const authToken = 'secret/of-the.database='
const inUrl = encodeURIComponent(authToken)
const remote = useServer({ authToken })

async function errorOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => expect.fail('it must reject'),
    (error: unknown) => error,
  )
}

describe.each(transports)('the token over %s', (transport) => {
  it('is in no error, whatever the server answers, and in nothing that can be printed', async () => {
    const storage = await remote.open(transport)
    await run(storage.db, 'create table note (id integer primary key, text unique)')
    const errors: unknown[] = []
    const echo = {
      kind: 'status',
      when: 'before',
      body: `you sent: Bearer ${authToken}, token=${inUrl}`,
    } as const
    for (const status of [401, 403, 404, 500, 503]) {
      await remote.server.faults({ script: [{ fault: { ...echo, status }, matching: 'begin' }] })
      errors.push(await errorOf(run(storage.db, "insert into note (text) values ('a')")))
    }
    const message = `no such token: ${authToken}`
    const refusal = { kind: 'error', code: 'AUTH_JWT_INVALID', message } as const
    await remote.server.faults({ script: [{ fault: refusal, matching: 'begin' }] })
    errors.push(await errorOf(run(storage.db, "insert into note (text) values ('a')")))
    await remote.server.faults()
    errors.push(await errorOf(run(storage.db, 'select * from nothing')))
    const url = `${remote.url(transport)}?authToken=${authToken}`
    const nobody = `${transport}://127.0.0.1:9/?authToken=${authToken}`
    errors.push(await errorOf(openAt(nobody)))
    errors.push(await errorOf(openAt(`${url}&strange=1`)))
    errors.push(await errorOf(openAt(`${remote.url(transport)}?${authToken}`)))
    const connector = libsql({ url })

    const texts = [...errors, storage, connector, connector.location, storage.stats()].map((value) =>
      inspect(value, { depth: 20, showHidden: true }),
    )

    expect(errors).toHaveLength(10)
    for (const text of texts) for (const secret of [authToken, inUrl]) expect(text).not.toContain(secret)
    expect(connector.location).toBe(remote.url(transport))
  })

  it('is taken from the URL as well, and a wrong one shows at the opening', async () => {
    const url = remote.url(transport)
    await using storage = await openStorage({ connector: libsql({ url: `${url}?authToken=${authToken}` }) })
    expect(storage.isClosed).toBe(false)

    const connector = libsql({ url, authToken: 'wrong' })
    const error = await errorOf(openStorage({ connector, lockTimeoutMs: 300 }))

    // Over a WebSocket the server cuts the connection before the client has read why.
    const expected = { http: { name: 'RemoteError', outcome: 'refused' }, ws: { name: 'LockTimeoutError' } }
    expect(error).toMatchObject(expected[transport])
  })
})

it('is one that changes when a fetch of the user puts it into each request', async () => {
  let token = 'expired'
  const fetchWithToken = (request: Request): Promise<Response> => {
    request.headers.set('authorization', `Bearer ${token}`)
    return fetch(request)
  }
  const connector = libsql({ url: remote.url('http'), driverOptions: { fetch: fetchWithToken } })

  await expect(openStorage({ connector })).rejects.toMatchObject({ outcome: 'refused' })
  token = authToken

  await using storage = await openStorage({ connector })
  expect(storage.isClosed).toBe(false)
})

async function openAt(url: string): Promise<void> {
  const connector = libsql({ url, requestTimeoutMs: 100 })
  await using _ = await openStorage({ connector, lockTimeoutMs: 50 })
}

describe('a connector to a server', () => {
  it('refuses what cannot be meant, before anything is sent', async () => {
    const url = 'libsql://db.example.com'
    expect(() => libsql({ url, authToken: 'two words' })).toThrow('white space')
    expect(() => libsql({ url, authToken: (() => 'token') as never })).toThrow('of type function')
    expect(() => libsql({ url: 'https://me:secret@db.example.com' })).toThrow(ConfigError)
    expect(() => libsql({ url: `${url}?tls=maybe` })).toThrow(ConfigError)
    expect(() => libsql({ url: `${url}?tls=0` })).toThrow('tls=0 needs a port')
    expect(() => libsql({ url: 'https://db.example.com?tls=0' })).toThrow('contradict each other')
    expect(() => libsql({ url: 'ws://db.example.com?tls=1' })).toThrow('contradict each other')
    for (const fine of ['libsql://a.b:1?tls=0', 'http://a.b?tls=0', 'wss://a.b?tls=1'])
      expect(libsql({ url: fine }).location).toBe(fine.slice(0, fine.indexOf('?')))
    expect(() => libsql({ url, driverOptions: { fetch: 'mine' } })).toThrow(ConfigError)
    expect(() => libsql({ url, requestTimeoutMs: 0 })).toThrow(RangeError)
    expect(() => libsql({ url, requestTimeoutMs: '9' as never })).toThrow('current value is 9 (string)')
    expect(() => libsql({ url, driverOptions: { intMode: 'number' } })).toThrow(ConfigError)
    const connector = libsql({ url })
    await expect(openStorage({ connector, pragmas: { synchronous: 'full' } })).rejects.toThrow(ConfigError)
    await expect(openStorage({ connector, onConnection: () => {} })).rejects.toThrow(ConfigError)
  })

  it('is what unbusy/auto chooses for every scheme of a server', async () => {
    for (const scheme of ['libsql', 'https', 'http', 'wss', 'ws']) {
      const connector = await connectorFor({ url: `${scheme}://db.example.com` })
      expect([connector.name, connector.location, connector.capabilities.remote]).toEqual([
        'libsql',
        `${scheme}://db.example.com`,
        true,
      ])
    }
  })
})
