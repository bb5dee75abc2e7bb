import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { sql } from 'kysely'
import {
  InvalidStatementError,
  LockTimeoutError,
  OutcomeUnknownError,
  openStorage,
  RemoteError,
  type Storage,
} from 'unbusy'
import { libsql } from 'unbusy/libsql'
import { describe, expect, it } from 'vitest'
import { rejection } from '../contract/note.ts'
import { run } from '../contract/run-sql.ts'
import type { Fault } from '../hrana/faults.ts'
import { type AnyDatabase, asOneGroup, countNotes, transports, useServer } from './remote-storage.ts'
import { startUntrustedServer } from './untrusted-server.ts'

const remote = useServer()

const drop = (when: 'before' | 'after'): Fault => ({ kind: 'drop', when })
const status = (code: number, when: 'before' | 'after' = 'before', body?: string): Fault => ({
  kind: 'status',
  when,
  status: code,
  ...(body !== undefined && { body }),
})

interface OutcomeCase {
  readonly name: string
  readonly fault: Fault
  /** What a lone insert does: it resolves, or rejects so. */
  readonly insert: 'stored' | 'unknown' | 'refused'
  /** How many rows are there afterwards. */
  readonly rows: number
  readonly httpOnly?: true
}

const busy = (text: string): Fault => ({ kind: 'error', code: 'SQLITE_BUSY', message: text })

const primary = (words: string): Fault => ({
  kind: 'error',
  code: 'PROXY_ERROR',
  message: `error executing a request on the primary: ${words}`,
})

const cases: readonly OutcomeCase[] = [
  { name: 'a cut before it ran', fault: drop('before'), insert: 'unknown', rows: 0 },
  { name: 'a cut after it was committed', fault: drop('after'), insert: 'unknown', rows: 1 },
  { name: 'a page of a proxy', fault: { kind: 'garbage' }, insert: 'unknown', rows: 1 },
  {
    name: 'a message that is no text',
    fault: { kind: 'garbage', isUtf8: false },
    insert: 'unknown',
    rows: 1,
  },
  { name: 'HTTP 502 before', fault: status(502), insert: 'unknown', rows: 0, httpOnly: true },
  { name: 'HTTP 503 after', fault: status(503, 'after'), insert: 'unknown', rows: 1, httpOnly: true },
  { name: 'HTTP 408 after', fault: status(408, 'after'), insert: 'unknown', rows: 1, httpOnly: true },
  { name: 'HTTP 429', fault: status(429), insert: 'stored', rows: 1, httpOnly: true },
  { name: 'HTTP 401', fault: status(401), insert: 'refused', rows: 0, httpOnly: true },
  { name: 'HTTP 404', fault: status(404), insert: 'refused', rows: 0, httpOnly: true },
  { name: 'a busy lock', fault: busy('SQLite error: database is locked'), insert: 'stored', rows: 1 },
  {
    name: 'a lock that another writer keeps',
    fault: { kind: 'error', code: 'TRANSACTION_BUSY', message: 'busy' },
    insert: 'stored',
    rows: 1,
  },
  {
    name: 'a transaction that was taken away',
    fault: { kind: 'error', code: 'TRANSACTION_TIMEOUT', message: 'Transaction timed-out' },
    insert: 'stored',
    rows: 1,
  },
  {
    name: 'a transaction that was taken away at the primary of a replica',
    fault: primary('Transaction timed-out'),
    insert: 'stored',
    rows: 1,
  },
  {
    name: 'a lock that another writer keeps at the primary',
    fault: primary("Server can't handle additional transactions"),
    insert: 'stored',
    rows: 1,
  },
  {
    name: 'a blocked database',
    fault: { kind: 'error', code: 'BLOCKED', message: 'Database is blocked' },
    insert: 'refused',
    rows: 0,
  },
]

describe.each(transports)('outcomes over %s', (transport) => {
  it('C16 of a write decide whether it is sent again, and reads always are', async () => {
    const storage = await remote.open(transport)
    await run(storage.db, 'create table note (id integer primary key, text)')
    const insert = (): Promise<unknown> => storage.db.insertInto('note').values({ text: 'a' }).execute()
    for (const { name, fault, insert: expected, rows, httpOnly } of cases) {
      if (httpOnly && transport !== 'http') continue
      await remote.server.faults({ script: [{ fault, matching: 'begin' }] })

      const outcome = await insert().then(
        () => 'stored',
        (error: unknown) => error,
      )

      await remote.server.faults()
      if (expected === 'stored') expect(outcome, name).toBe('stored')
      else if (expected === 'unknown') expect(outcome, name).toBeInstanceOf(OutcomeUnknownError)
      else expect(outcome, name).toMatchObject({ name: 'RemoteError', outcome: 'refused' })
      expect(await countNotes(storage), name).toBe(rows)
      await run(storage.db, 'delete from note')
      await remote.server.faults({ script: [{ fault, matching: '"execute"' }] })
      if (expected !== 'refused') expect(await countNotes(storage), `a read after ${name}`).toBe(0)
      await remote.server.faults({ script: [{ fault, matching: '"execute"' }] })
      if (expected !== 'refused') expect(await streamNotes(storage), `a stream after ${name}`).toEqual([])
      await remote.server.faults()
    }
  })

  it('C16 of what the primary of a replica answered are known, and a batch with a key is not sent again', async () => {
    const storage = await remote.open(transport)
    await run(storage.db, 'create table note (id integer primary key, text)')
    const write = (key: string): Promise<unknown> =>
      storage.batch([storage.db.insertInto('note').values({ text: 'a' })], { idempotencyKey: key })
    await write('a')

    const matching = 'begin'
    const taken = primary('UNIQUE constraint failed: note.id')
    await remote.server.faults({ script: [{ fault: taken, matching }] })
    await expect(write('b')).rejects.toMatchObject({ code: 'SQLITE_CONSTRAINT_UNIQUE' })
    const known = primary('UNIQUE constraint failed: unbusy_ledger.id')
    await remote.server.faults({ script: [{ fault: known, matching }] })

    expect(await write('c')).toMatchObject([{ rows: [] }])
    expect(await countNotes(storage)).toBe(1)
  })

  it('C16 a lost answer to a batch of nothing but reads is asked for again, also beside a write that is lost', async () => {
    const storage = await remote.open(transport)
    await run(storage.db, 'create table note (id integer primary key, text)')
    const notes = storage.db.selectFrom('note').select('text')
    const lost = { fault: drop('after'), matching: 'begin' }

    await remote.server.faults({ script: [lost] })
    expect(await storage.batch([notes, notes])).toEqual([{ rows: [] }, { rows: [] }])
    await remote.server.faults({ script: [lost] })
    const writing = storage.db.insertInto('note').values({ text: 'a' }).execute()
    const reading = storage.batch([notes])

    await expect(writing).rejects.toBeInstanceOf(OutcomeUnknownError)
    expect(await reading).toEqual([{ rows: [{ text: 'a' }] }])
    await remote.server.faults({ script: [{ ...lost, times: 1_000 }] })
    const inVain = storage.batch([notes], { lockTimeoutMs: 200 })
    await expect(inVain).rejects.toBeInstanceOf(LockTimeoutError)
  })

  it("C16 a lost answer of a COMMIT leaves the outcome of a write unknown, also with integers: 'strict'", async () => {
    const storage = await remote.open(transport, { integers: 'strict' })
    await run(storage.db, 'create table note (id integer primary key, text)')
    await remote.server.faults({ script: [{ fault: drop('after'), matching: 'COMMIT' }] })

    const writing = storage.db.insertInto('note').values({ text: 'a' }).execute()

    await expect(writing).rejects.toBeInstanceOf(OutcomeUnknownError)
    expect(await countNotes(storage)).toBe(1)
  })

  it('C16 a lost answer is not forgotten, although the lock is busy for the rest of the budget', async () => {
    const storage = await remote.open(transport)
    await run(storage.db, 'create table note (id integer primary key, text)')
    const add = (text: string, idempotencyKey: string, lockTimeoutMs: number): Promise<unknown> =>
      storage.batch([storage.db.insertInto('note').values({ text })], { idempotencyKey, lockTimeoutMs })
    await add('first', 'first', 5_000)
    const isBusy = { fault: busy('SQLite error: database is locked'), matching: 'begin', times: 1_000 }
    await remote.server.faults({ script: [{ fault: drop('after'), matching: 'begin' }, isBusy] })

    await expect(add('a', 'k', 200)).rejects.toBeInstanceOf(OutcomeUnknownError)

    await remote.server.faults()
    expect(await countNotes(storage)).toBe(2)
    await add('a', 'k', 5_000)
    expect(await countNotes(storage)).toBe(2)
  })

  it('C3 a write that is aborted while its group is on its way, and undone for a neighbour, is not sent again', async () => {
    const storage = await remote.open(transport)
    await run(storage.db, 'create table note (id integer primary key, text unique)')
    const aborter = new AbortController()
    const add = (text: string, signal?: AbortSignal): Promise<unknown> =>
      storage.batch([storage.db.insertInto('note').values({ text })], { ...(signal && { signal }) })
    await add('there')
    // As slow as a busy machine may be late with the abort.
    const delay: Fault = { kind: 'delay', when: 'after', ms: 1_500 }
    await remote.server.faults({ script: [{ fault: delay, matching: 'late' }] })

    const [neighbour, aborted] = await asOneGroup(storage, 2, () => [
      add('there'),
      add('late', aborter.signal),
    ])
    const settled = Promise.allSettled([neighbour, aborted])
    setTimeout(() => aborter.abort(new Error('enough')), 100)

    expect((await settled).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    await expect(aborted).rejects.toThrow('enough')
    expect(await countNotes(storage)).toBe(1)
  })

  it('C16 an answer that does not come in time leaves the outcome unknown', async () => {
    const storage = await remote.open(transport, {}, { requestTimeoutMs: 1_000 })
    await run(storage.db, 'create table note (id integer primary key, text)')
    const delay: Fault = { kind: 'delay', when: 'after', ms: 2_000 }
    await remote.server.faults({ script: [{ fault: delay, matching: 'begin' }] })

    const writing = storage.db.insertInto('note').values({ text: 'a' }).execute()

    await expect(writing).rejects.toBeInstanceOf(OutcomeUnknownError)
    expect(await countNotes(storage)).toBe(1)
  })

  it('C16 an answer that came while this process stood still is read, and the write is not unknown', async () => {
    const storage = await remote.open(transport, {}, { requestTimeoutMs: 1_000 })
    await run(storage.db, 'create table note (id integer primary key, text)')
    const delay: Fault = { kind: 'delay', when: 'after', ms: 200 }
    await remote.server.faults({ script: [{ fault: delay, matching: 'begin' }] })

    const writing = storage.db.insertInto('note').values({ text: 'a' }).execute()
    // It is on its way by then.
    await remote.server.counts()
    const untilMs = performance.now() + 1_500
    while (performance.now() < untilMs);

    await writing
    expect(await countNotes(storage)).toBe(1)
  })

  it('C16 a write whose answer was lost hears of it while the flush that went with it is sent again', async () => {
    const storage = await remote.open(transport)
    await run(storage.db, 'create table note (id integer primary key, text)')
    const queue = storage.append({ table: 'note' })
    queue.push({ text: 'kept' })
    await queue.flush()
    const add = (text: string) => storage.db.insertInto('note').values({ text }).execute()
    await remote.server.faults({ script: [{ fault: drop('before'), matching: 'flushed', times: 1_000 }] })

    const [lost, flushed] = await asOneGroup(storage, 2, () => {
      queue.push({ text: 'flushed' })
      return [add('lost'), queue.flush()]
    })
    expect(await rejection(lost)).toBeInstanceOf(OutcomeUnknownError)

    await remote.server.faults({})
    await flushed
    expect(await countNotes(storage)).toBe(2)
  })

  it('C16 a write whose answer is too large for the server is refused, and nothing of it is stored', async () => {
    const storage = await remote.open(transport)
    await run(storage.db, 'create table note (id integer primary key, text)')
    const long = sql`printf('%.*c', 1000000, 'x')`
    const writing = sql`insert into note (text) select ${long} from json_each('[1,2,3,4,5,6,7,8,9,10,11]') returning text`

    await expect(writing.execute(storage.db)).rejects.toMatchObject({
      name: 'RemoteError',
      outcome: 'refused',
    })

    expect(await countNotes(storage)).toBe(0)
  })

  it('C9 a value that is too long for the server is SQLITE_TOOBIG, and its neighbours are stored', async () => {
    const storage = await remote.open(transport)
    await run(storage.db, 'create table note (id integer primary key, text)')
    const insert = (text: string) => storage.db.insertInto('note').values({ text }).execute()

    const results = await Promise.allSettled(['a', 'b', 'x'.repeat(5_000_001), 'c'].map(insert))

    expect(results.map(({ status: it }) => it)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
    expect(results[2]).toMatchObject({ reason: { code: 'SQLITE_TOOBIG' } })
    expect(await countNotes(storage)).toBe(3)
  })

  it('C5 writes that are too long together for one message of a WebSocket are stored all the same', async () => {
    const storage = await remote.open(transport)
    await run(storage.db, 'create table note (id integer primary key, text)')
    const long = (): { text: string } => ({ text: 'x'.repeat(1_000_000) })
    const queue = storage.append({ table: 'note', lockTimeoutMs: 5_000 })

    await Promise.all(
      Array.from({ length: 18 }, () => storage.db.insertInto('note').values(long()).execute()),
    )
    for (let number = 0; number < 18; number++) queue.push(long())
    await queue.flush()
    const together = Array.from({ length: 18 }, () => storage.db.insertInto('note').values(long()))
    const outcome = await storage.batch(together).catch((error: unknown) => error)

    if (transport === 'ws') expect(outcome).toBeInstanceOf(InvalidStatementError)
    expect(await countNotes(storage)).toBe(transport === 'ws' ? 36 : 54)
    expect(queue.stats()).toMatchObject({ flushed: 18, dropped: 0 })
  })

  it('C16 a transaction that was lost while it was idle is rolled back, and its COMMIT is not unknown', async () => {
    const storage = await remote.open(transport)
    await run(storage.db, 'create table note (id integer primary key, text)')

    const writing = storage.write(async (trx) => {
      await run(trx, "insert into note (text) values ('a')")
      await remote.server.restart()
      // The client has seen that its connection is cut by then.
      for (let round = 0; round < 10; round++) await remote.server.counts()
    })

    await expect(writing).rejects.toMatchObject({ name: 'RemoteError', outcome: 'rolled-back' })
    expect(await countNotes(storage)).toBe(0)
  })

  it('C3 reads that wait for their turn at the client are sent again when others were not answered', async () => {
    const storage = await remote.open(transport, {}, { requestTimeoutMs: 1_000 })
    const delay: Fault = { kind: 'delay', when: 'before', ms: 2_000 }
    await remote.server.faults({ script: [{ fault: delay, matching: 'stuck', times: 20 }] })
    const read = (): Promise<unknown> => sql`select ${'stuck'} as text`.execute(storage.db)

    const results = await Promise.allSettled(Array.from({ length: 30 }, read))

    expect(results.filter(({ status: it }) => it === 'rejected')).toEqual([])
  })

  it('C3 a write whose budget ends behind a request that is under way does not blame a lock', async () => {
    const storage = await remote.open(transport)
    await run(storage.db, 'create table note (id integer primary key, text)')
    const delay: Fault = { kind: 'delay', when: 'after', ms: 1_000 }
    await remote.server.faults({ script: [{ fault: delay, matching: 'first' }] })
    const first = storage.db.insertInto('note').values({ text: 'first' }).execute()
    await expect.poll(async () => JSON.stringify(await remote.server.requests())).toContain('first')

    const late = storage.with({ lockTimeoutMs: 100 }).insertInto('note').values({ text: 'late' }).execute()

    await expect(late).rejects.toThrow(/^The writer stayed busy after waiting \d+ ms/)
    await first
    expect(await countNotes(storage)).toBe(1)
  })

  it('C3 a server that is not there is waited for within the budget', async () => {
    const nobody = transport === 'ws' ? 'ws://127.0.0.1:9' : 'http://127.0.0.1:9'

    const error = await remote
      .open(transport, { lockTimeoutMs: 200 }, { url: nobody })
      .catch((reason: unknown) => reason)

    expect(error).toBeInstanceOf(LockTimeoutError)
    expect((error as Error).cause).toBeInstanceOf(RemoteError)
    expect((error as Error).message).toMatch(/^The server could not be used after waiting/)
  })
})

async function streamNotes(storage: Storage<AnyDatabase>): Promise<unknown[]> {
  const rows: unknown[] = []
  for await (const row of storage.db.selectFrom('note').selectAll().stream()) rows.push(row)
  return rows
}

const statement = { sql: 'drop table note', parameters: [], kind: 'write', cacheable: true } as const

describe('a WebSocket that was never open', () => {
  it.each(['refuses the connection', 'refuses the upgrade', 'hangs up'])(
    'C16 has sent nothing: the host %s',
    async (how) => {
      const answer = how === 'hangs up' ? '' : 'HTTP/1.1 503 Busy\r\n\r\n'
      const host = createServer().on('upgrade', (_, socket) => socket.end(answer))
      await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve))
      const { port } = host.address() as AddressInfo
      if (how === 'refuses the connection') host.close()
      const connector = libsql({ url: `ws://127.0.0.1:${port}` })
      const connection = await connector.connect('writer', { integers: 'auto', maxCachedStatements: 0 })

      const error = await connection.executeBatch?.([statement]).catch((reason: unknown) => reason)

      expect(connector.outcomeOf?.(error), String(error)).toBe('not-applied')
      await connection.close()
      host.close()
    },
  )
})

it.each(['https', 'wss'])(
  'C16 a certificate that is not trusted is told at once, and nothing was sent over %s',
  async (scheme) => {
    using server = await startUntrustedServer()
    const connector = libsql({ url: `${scheme}://127.0.0.1:${server.port}` })

    const error = await openStorage({ connector }).catch((reason: unknown) => reason)

    expect(error).toMatchObject({ name: 'RemoteError', outcome: 'refused' })
    expect((error as Error).message).toMatch(/certificate/)
  },
)

it.each([
  ['connect', 'EHOSTUNREACH', 'not-applied'],
  ['connect', 'ETIMEDOUT', 'not-applied'],
  ['read', 'EHOSTUNREACH', 'unknown'],
  ['read', 'ETIMEDOUT', 'unknown'],
])('C16 a host that is out of reach at %s: %s', async (syscall, code, outcome) => {
  const cause = Object.assign(new Error(`${syscall} ${code}`), { code, syscall })
  const fetch = (): Promise<Response> => Promise.reject(new TypeError('fetch failed', { cause }))
  const connector = libsql({ url: 'http://db.example.com', driverOptions: { fetch } })
  const connection = await connector.connect('writer', { integers: 'auto', maxCachedStatements: 0 })

  const error = await connection.executeBatch?.([statement]).catch((reason: unknown) => reason)

  expect(connector.outcomeOf?.(error)).toBe(outcome)
})

describe('a group over a server', () => {
  it('C5 rejects only what fails alone, and keeps the order of the others', async () => {
    const storage = await remote.open('http')
    await run(storage.db, 'create table note (id integer primary key, text unique)')
    const insert = (text: string) => storage.db.insertInto('note').values({ text }).execute()
    const texts = Array.from({ length: 20 }, (_, index) => (index === 10 ? 't3' : `t${index}`))

    const results = await Promise.allSettled(texts.map(insert))

    expect(results.flatMap(({ status: it }, index) => (it === 'rejected' ? [index] : []))).toEqual([10])
    expect(results[10]).toMatchObject({ reason: { code: 'SQLITE_CONSTRAINT_UNIQUE' } })
    const { rows } = await sql<{ text: string }>`select text from note order by id`.execute(storage.db)
    expect(rows.map(({ text }) => text)).toEqual(texts.filter((_, index) => index !== 10))
  })

  it('C16 whose answer is lost is not sent again, and each of its writes says so', async () => {
    const storage = await remote.open('http')
    await run(storage.db, 'create table note (id integer primary key, text)')
    await remote.server.faults({ script: [{ fault: drop('after'), matching: 'group' }] })
    const insert = (text: string) => storage.db.insertInto('note').values({ text }).execute()

    const group = await asOneGroup(storage, 3, () => ['group', 'group', 'group'].map(insert))

    for (const result of await Promise.allSettled(group)) {
      expect(result).toMatchObject({ status: 'rejected', reason: expect.any(OutcomeUnknownError) })
    }
    expect(await countNotes(storage)).toBe(3)
  })

  it('C5 does not let a deferred key of one unit stand on its neighbour', async () => {
    const storage = await remote.open('http')
    await run(
      storage.db,
      'create table parent (id integer primary key)',
      'create table child (id integer primary key, parent integer references parent (id) deferrable initially deferred)',
    )
    const warmUp = run(storage.db, 'insert into parent values (1)')

    const results = await Promise.allSettled([
      warmUp,
      run(storage.db, 'insert into child values (1, 2)'),
      run(storage.db, 'insert into parent values (2)'),
    ])

    expect(results.map(({ status: it }) => it)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  })
})
