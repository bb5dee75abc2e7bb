import { createClient } from '@libsql/client/web'
import { sql } from 'kysely'
import { describe, expect, it, onTestFinished } from 'vitest'
import { LibsqlRemoteConnection, type RemoteClient } from '../../adapters/_libsql-remote-connection.ts'
import type { Statement } from '../../src/connector.ts'
import { runtime } from '../contract/matrix.ts'
import { run } from '../contract/run-sql.ts'
import { startProgram } from '../processes/program.ts'
import { transports, useServer } from './remote-storage.ts'

const remote = useServer()
const select: Statement = { sql: 'select 1 as one', parameters: [], kind: 'read', cacheable: true }

describe('an idle connection', () => {
  it.each(transports)('C15 lets its process end over %s', async (transport) => {
    const storage = await remote.open('http')
    await run(storage.db, 'create table note (text text)')
    const path = remote.url(transport)

    await using program = startProgram('worker-life', { runtime, connector: 'libsql', path }, 'idle')

    expect(await program.next()).toBe('idle')
    expect(await program.ended).toBe(0)
    const { rows } = await sql`select count(*) as n from note`.execute(storage.db)
    expect(rows).toEqual([{ n: 12 }])
  })

  it('gives its WebSocket back, and opens another one for the next request', async () => {
    const connection = connect(50)
    expect((await connection.execute(select)).rows).toEqual([{ one: 1 }])
    const before = await remote.server.counts()

    await new Promise((resolve) => setTimeout(resolve, 300))
    expect((await connection.execute(select)).rows).toEqual([{ one: 1 }])

    expect((await remote.server.counts()).sockets).toBe(before.sockets + 1)
  })

  it('keeps its WebSocket while a transaction is open, or a request on its way', async () => {
    const connection = connect(50)
    await connection.begin('immediate')
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect((await connection.execute(select)).rows).toEqual([{ one: 1 }])
    await connection.commit()

    await remote.server.faults({ script: [{ fault: { kind: 'delay', when: 'before', ms: 300 } }] })
    expect((await connection.execute(select)).rows).toEqual([{ one: 1 }])
  })
})

function connect(idleMs: number): LibsqlRemoteConnection {
  const connection = new LibsqlRemoteConnection(
    {
      connect: () => createClient({ url: remote.url('ws'), intMode: 'bigint' }) as unknown as RemoteClient,
      secret: undefined,
      requestTimeoutMs: 5_000,
      isWebSocket: true,
      idleMs,
    },
    { integers: 'auto', maxCachedStatements: 0 },
  )
  onTestFinished(() => connection.close())
  return connection
}
