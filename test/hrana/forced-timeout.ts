/**
 * The trap of the protocol: a transaction that keeps others waiting for 5 s is taken away, its client is told once, and
 * what it does next commits by itself. The same on the in-repo server, where the 5 s are fewer, and on a real one.
 *
 * @module
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@libsql/client'
import { expect } from 'vitest'
import { failure, ids } from './client-cases.ts'
import type { ServerAddress } from './given-server.ts'
import { startRealServer } from './real-server.ts'
import { startHranaServer } from './start.ts'

async function fallIntoTrap({ url, authToken }: ServerAddress, leastMs: number): Promise<void> {
  const client = createClient({ url, ...(authToken && { authToken }) })
  try {
    await client.batch(
      ['drop table if exists trap', 'create table trap (id integer primary key, v text)'],
      'write',
    )
    const tx = await client.transaction('write')
    await tx.execute("insert into trap values (1, 'lost')")
    const startedAtMs = performance.now()
    await client.batch(["insert into trap values (2, 'waited')"], 'write')
    expect(performance.now() - startedAtMs).toBeGreaterThan(leastMs)

    expect(await failure(tx.execute("insert into trap values (3, 'refused')"))).toMatchObject({
      code: 'TRANSACTION_TIMEOUT',
    })
    expect(tx.closed).toBe(false)
    await tx.execute("insert into trap values (4, 'outside')")
    expect((await failure(tx.commit())).message).toContain('cannot commit - no transaction is active')
    expect(await ids(client, 'trap')).toEqual([2, 4])
  } finally {
    client.close()
  }
}

async function ownTrap(transport: 'url' | 'wsUrl'): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'unbusy-hrana-'))
  try {
    await using server = await startHranaServer({ path: join(folder, 'trap.db'), txnTimeoutMs: 300 })
    await fallIntoTrap({ url: server[transport] }, 200)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function realTrap(): Promise<void> {
  const server = await startRealServer()
  if ('reason' in server) throw new Error(server.reason)
  await using real = server
  await fallIntoTrap(real, 4_500)
}

/** Starts all of them at once, as each is nothing but waiting; on servers of their own. */
export function startTraps(
  withRealServer: boolean,
): readonly (readonly [name: string, trap: Promise<void>])[] {
  const traps: [string, Promise<void>][] = [
    ['the in-repo server over HTTP', ownTrap('url')],
    ['the in-repo server over WebSocket', ownTrap('wsUrl')],
  ]
  if (withRealServer) traps.push(['a real server', realTrap()])
  // A test awaits each later; until then its failure is nobody's fault.
  for (const [, trap] of traps) trap.catch(() => {})
  return traps
}
