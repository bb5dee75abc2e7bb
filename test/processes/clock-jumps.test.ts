/**
 * A wall clock that jumps by hours at each look, in a process of its own: every budget, interval and age is counted on a
 * clock that does not. The core alone counts, so one connector shows it.
 *
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { holdLock } from 'unbusy/testing'
import { expect, it, onTestFinished } from 'vitest'
import { type ConnectorName, connectorNames, runtime } from '../contract/matrix.ts'
import { peerCommand, peerQuery } from './peer.ts'
import { startProgram } from './program.ts'

type Timed = readonly [outcome: unknown, ms: number]

it(`C3 budgets, intervals and ages on ${runtime} do not follow a wall clock that jumps by hours`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'unbusy-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'clock.db')
  await peerQuery(path, ['pragma journal_mode = wal', 'create table note (text text)'])
  const connector = connectorNames[0] as ConnectorName

  const program = startProgram('worker-clock', { runtime, connector, path })
  onTestFinished(() => program[Symbol.asyncDispose]())
  expect(await program.next()).toBe('opened')
  await using lock = await holdLock(path, 20_000, { command: peerCommand() })
  program.tell('locked')
  expect(await program.next()).toBe('given up')
  await lock.release()
  program.tell('free')
  const report = await program.next<
    Record<'given' | 'stuck' | 'stored' | 'closed', Timed> & { ordered: unknown }
  >()

  const timeouts = Array(3).fill('LockTimeoutError')
  expect(report).toMatchObject({
    given: [timeouts, expect.any(Number)],
    stuck: ['TransactionTimeoutError', expect.any(Number)],
    ordered: ['written', 'written', 'written'],
    closed: [0, expect.any(Number)],
    warnings: ['warned', 'ended'],
  })
  for (const [{ 1: ms }, atLeastMs] of [
    [report.given, 299],
    [report.stuck, 199],
    [report.stored, 0],
    [report.closed, 0],
  ] as const) {
    expect(ms).toBeGreaterThanOrEqual(atLeastMs)
    expect(ms).toBeLessThan(5_000)
  }
  const stored = ['coalesced', 'appended', 'background', 'normal', 'control'].sort()
  expect(await peerQuery(path, ['select text from note order by text'])).toEqual(
    stored.map((text) => ({ text })),
  )
})
