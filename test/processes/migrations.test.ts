/**
 * Processes that run Kysely's Migrator on one file at once, some of which die or are slow.
 *
 * @module
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, type TestContext } from 'vitest'
import { type ConnectorName, connectorNames, type RuntimeName, runtime } from '../contract/matrix.ts'
import { peerQuery } from './peer.ts'
import { type Program, startProgram } from './program.ts'

type Place = readonly [runtime: RuntimeName, connector: ConnectorName]

interface Outcome {
  readonly error: string | null
  readonly ran: readonly string[]
}

/** The lock expires after one second, so that a test need not wait for ten. */
const shortTimes = JSON.stringify({ leaseMs: 1_000, renewEveryMs: 250, watchMs: 600 })
const all = ['first', 'second', 'third']
const mixed: readonly Place[] = [
  ['node', 'better-sqlite3'],
  ['bun', 'bun-sqlite'],
  ['deno', 'node-sqlite'],
]

async function freshPath({ onTestFinished }: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'unbusy-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return join(folder, 'migrated.db')
}

/** Starts a migrating process that waits for its `go`. */
async function migrator(
  test: TestContext,
  [runtime, connector]: Place,
  path: string,
  ...args: readonly string[]
): Promise<Program> {
  const program = startProgram('worker-migrate', { runtime, connector, path }, ...args)
  test.onTestFinished(() => program[Symbol.asyncDispose]())
  expect(await program.next()).toBe('ready')
  return program
}

function ranIn(path: string): Promise<unknown> {
  return peerQuery(path, ['select migration, process from ran order by rowid'])
}

async function expectOnce(test: TestContext, places: readonly Place[]): Promise<void> {
  const path = await freshPath(test)
  const programs = await Promise.all(places.map((place, index) => migrator(test, place, path, `p${index}`)))

  for (const program of programs) program.tell('go')
  const outcomes = await Promise.all(programs.map((program) => program.next<Outcome>()))

  expect(outcomes.map(({ error }) => error)).toEqual([null, null, null])
  expect(outcomes.flatMap(({ ran }) => ran).sort()).toEqual(all)
  expect(await peerQuery(path, ['select migration from ran order by rowid'])).toEqual(
    all.map((migration) => ({ migration })),
  )
  expect(await peerQuery(path, ['select count(*) as n from unbusy_migration_lock'])).toEqual([{ n: 0 }])
}

/** The first process dies in its second migration; the others finish its work. */
async function expectTakeOver(
  test: TestContext,
  places: readonly Place[],
  deed: string,
  ...times: readonly string[]
): Promise<void> {
  const [first, ...others] = places as [Place, ...Place[]]
  const path = await freshPath(test)
  const dying = await migrator(test, first, path, 'dying', deed, ...times)
  const survivors = await Promise.all(
    others.map((place) => migrator(test, place, path, 'survivor', 'nothing', ...times)),
  )

  dying.tell('go')
  expect(await dying.next()).toBe('in the middle')
  for (const program of survivors) program.tell('go')
  dying.kill()
  expect(await dying.ended).toBe('SIGKILL')
  const outcomes = await Promise.all(survivors.map((program) => program.next<Outcome>()))

  expect(outcomes.map(({ error }) => error)).toEqual(survivors.map(() => null))
  expect(outcomes.flatMap(({ ran }) => ran).sort()).toEqual(['second', 'third'])
  expect(await ranIn(path)).toEqual([
    { migration: 'first', process: 'dying' },
    { migration: 'second', process: 'dying' },
    { migration: 'second', process: 'survivor' },
    { migration: 'third', process: 'survivor' },
  ])
}

/** The first process gives no sign of life for twice its lease, as it works. */
async function expectNoTakeOver(test: TestContext, place: Place, deed: string): Promise<void> {
  const path = await freshPath(test)
  const busy = await migrator(test, place, path, 'busy', deed, shortTimes)
  const waiting = await migrator(test, place, path, 'waiting', 'nothing', shortTimes)

  busy.tell('go')
  expect(await busy.next()).toBe('in the middle')
  waiting.tell('go')
  expect(await waiting.next()).toBe('looks at the lock')
  busy.tell('go')

  expect(await busy.next()).toEqual({ error: null, ran: all })
  expect(await waiting.next()).toEqual({ error: null, ran: [] })
}

/** The first process computes for longer than its lease, with no lock of SQLite's: another one finishes its work. */
async function expectNoneLeft(test: TestContext, place: Place): Promise<void> {
  const path = await freshPath(test)
  const slow = await migrator(test, place, path, 'slow', 'rebuildsSlowly', shortTimes)
  const heir = await migrator(test, place, path, 'heir', 'rebuilds', shortTimes)

  slow.tell('go')
  expect(await slow.next()).toBe('in the middle')
  heir.tell('go')
  expect(await heir.next()).toEqual({ error: null, ran: ['second', 'third'] })
  await peerQuery(path, ['insert into thing values (1)'])
  await writeFile(`${path}.enough`, '')

  expect(await slow.next()).toMatchObject({ error: expect.stringMatching(/took the migration lock over/) })
  expect(await peerQuery(path, ['select n from thing'])).toEqual([{ n: 1 }])
  expect((await ranIn(path)) as unknown[]).toHaveLength(4)
}

describe(`migrating processes on ${runtime}`, () => {
  it.for(connectorNames)(
    'C14 three processes at once run every migration once with %s',
    (connector, test) => {
      const place: Place = [runtime, connector]
      return expectOnce(test, [place, place, place])
    },
  )

  it.runIf(runtime === 'node')('C14 so do three of several runtimes (started from Node only)', (test) =>
    expectOnce(test, mixed),
  )

  // The core alone decides here, so one connector shows it.
  const place: Place = [runtime, connectorNames[0] as ConnectorName]

  it('C14 a migration in one statement longer than the lease is not taken over', (test) =>
    expectNoTakeOver(test, place, 'longStatement'))

  it('C14 a migration in many statements without a pause is not taken over', (test) =>
    expectNoTakeOver(test, place, 'manyStatements'))

  it('C14 a migration that was taken over runs no further statement', (test) => expectNoneLeft(test, place))

  // At once, as they mostly wait for the lease to end.
  describe.concurrent('one of which is killed', () => {
    it.for(connectorNames)(
      'C14 between two statements: the others finish its work with %s',
      (connector, test) => {
        const place: Place = [runtime, connector]
        return expectTakeOver(test, [place, place, place], 'hangs', shortTimes)
      },
    )

    it.runIf(runtime === 'node')(
      'C14 with the write lock held: those of other runtimes finish its work, after the lease of 10 s (started from Node only)',
      (test) => expectTakeOver(test, mixed, 'hangsInTransaction'),
    )
  })
})
