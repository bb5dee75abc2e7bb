/**
 * Random programs against a real storage: writes in lanes, batches, transactions, work that shares the writer with
 * nobody, failures of every kind, aborts, timeouts and a close in the middle. Every part of a unit is a row of its own,
 * without a key, so a lost part, a part of a rejected unit and a part that ran twice all show.
 *
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { CompiledQuery, sql } from 'kysely'
import { type Lane, openStorage, type Storage, type WaitOptions } from 'unbusy'
import { seededRandom, testClock } from 'unbusy/testing'
import { describe, expect, it } from 'vitest'
import type { AnyDatabase } from '../contract/case.ts'
import { run } from '../contract/run-sql.ts'
import { firstConnector } from './pool.ts'

/** What becomes of a unit that has its turn. */
type Fate = 'fine' | 'check' | 'raise' | 'orphan'

type Step =
  | {
      readonly do: 'write' | 'batch' | 'transaction' | 'prepared'
      readonly lane: Lane
      readonly parts: number
      readonly fate: Fate
      readonly lockTimeoutMs: number | undefined
      readonly isAbortable: boolean
    }
  | { readonly do: 'hold' | 'release' | 'abort' | 'alone' | 'turn' | 'close' }
  | { readonly do: 'advance'; readonly ms: number }

const plain = (what: 'hold' | 'release' | 'abort' | 'alone' | 'turn' | 'close'): fc.Arbitrary<Step> =>
  fc.constant({ do: what })

const unitStep: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom('write', 'write', 'write', 'prepared', 'batch', 'transaction'),
  lane: fc.constantFrom<Lane[]>('control', 'normal', 'background'),
  parts: fc.integer({ min: 1, max: 3 }),
  fate: fc.constantFrom<Fate[]>('fine', 'fine', 'fine', 'fine', 'fine', 'check', 'raise', 'orphan'),
  lockTimeoutMs: fc.constantFrom(undefined, undefined, undefined, 0, 300, 1_500),
  isAbortable: fc.boolean(),
})

const program = fc.array(
  fc.oneof(
    { weight: 50, arbitrary: unitStep },
    { weight: 4, arbitrary: plain('hold') },
    { weight: 3, arbitrary: plain('release') },
    { weight: 3, arbitrary: plain('abort') },
    { weight: 2, arbitrary: plain('alone') },
    { weight: 5, arbitrary: plain('turn') },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 1_500 }) }),
    },
    { weight: 1, arbitrary: plain('close') },
  ),
  { minLength: 5, maxLength: 80 },
)

interface Unit {
  readonly id: number
  readonly parts: number
  readonly fate: Fate
  readonly lane: Lane
  /** It enters the queue in the turn of its call, so its place in the lane is known. */
  readonly isOrdered: boolean
  /** It may be rejected although nothing is wrong with it. */
  mayBeGivenUp: boolean
  outcome?: { readonly error?: Error & { readonly code?: string } }
}

const codes: Readonly<Record<Fate, string>> = {
  fine: '',
  check: 'SQLITE_CONSTRAINT_CHECK',
  raise: 'SQLITE_CONSTRAINT_TRIGGER',
  orphan: 'SQLITE_CONSTRAINT_FOREIGNKEY',
}

/** What the last part of a unit looks like; -1 breaks a CHECK, 666 is rolled back by a trigger. */
const lastParts: Readonly<Record<Fate, number>> = { fine: 0, check: -1, raise: 666, orphan: 0 }

async function prepareTables({ db }: Storage<AnyDatabase>, hasDeferredKey: boolean): Promise<void> {
  const deferred = hasDeferredKey ? 'deferrable initially deferred' : ''
  await run(
    db,
    'create table parent (id integer primary key)',
    `create table log (seq integer primary key, unit integer, part integer check (part >= 0),
      parent integer references parent (id) ${deferred})`,
    `create trigger no before insert on log when new.part = 666 begin select raise(rollback, 'unlucky'); end`,
  )
}

/** Rows of one unit, of which the last decides its fate. */
function rowsOf({ id, parts, fate }: Unit): { unit: number; part: number; parent: number | null }[] {
  return Array.from({ length: parts }, (_, part) => ({
    unit: id,
    part: part === parts - 1 && fate !== 'fine' ? lastParts[fate] : part,
    parent: part === parts - 1 && fate === 'orphan' ? 404 : null,
  }))
}

type Row = ReturnType<typeof rowsOf>[number]
const insertRow = ({ unit, part, parent }: Row): CompiledQuery =>
  CompiledQuery.raw('insert into log (unit, part, parent) values (?, ?, ?)', [unit, part, parent])

describe('WriteQueue against a model', () => {
  it('stores what it acknowledged once, what it rejected never, and keeps the order of each lane', {
    timeout: 120_000,
  }, async () => {
    let counts = { fulfilled: 0, rejected: 0, largestGroup: 0 }
    await fc.assert(
      fc.asyncProperty(program, fc.boolean(), fc.integer(), async (steps, hasDeferredKey, seed) => {
        const folder = await mkdtemp(join(tmpdir(), 'unbusy-'))
        try {
          counts = sum(counts, await runProgram(join(folder, 'model.db'), steps, hasDeferredKey, seed))
        } finally {
          await rm(folder, { recursive: true, force: true })
        }
      }),
      { numRuns: Number(process.env.MODEL_RUNS ?? 100) },
    )

    // The programs did meet what they are about.
    expect(counts.fulfilled).toBeGreaterThan(100)
    expect(counts.rejected).toBeGreaterThan(100)
    expect(counts.largestGroup).toBeGreaterThan(3)
  })
})

interface Counts {
  readonly fulfilled: number
  readonly rejected: number
  readonly largestGroup: number
}

function sum(a: Counts, b: Counts): Counts {
  return {
    fulfilled: a.fulfilled + b.fulfilled,
    rejected: a.rejected + b.rejected,
    largestGroup: Math.max(a.largestGroup, b.largestGroup),
  }
}

async function runProgram(
  path: string,
  steps: readonly Step[],
  hasDeferredKey: boolean,
  seed: number,
): Promise<Counts> {
  const random = seededRandom(seed)
  const clock = testClock(random)
  const open = async (): Promise<Storage<AnyDatabase>> =>
    openStorage<AnyDatabase>({
      connector: await firstConnector(path),
      clock,
      onWarning: () => {},
      drainTimeoutMs: 1_000,
    })
  const storage = await open()
  await prepareTables(storage, hasDeferredKey)
  const insertPrepared = storage.prepare((db, p: Row) =>
    db.insertInto('log').values({ unit: p.unit, part: p.part, parent: p.parent }),
  )
  const units: Unit[] = []
  const settling: Promise<unknown>[] = []
  const gates: (() => void)[] = []
  const aborters: AbortController[] = []
  let isClosing = false

  const note = (unit: Unit, writing: Promise<unknown>): void => {
    units.push(unit)
    const settled = writing.then(
      () => {
        unit.outcome = {}
      },
      (error) => {
        unit.outcome = { error }
      },
    )
    settling.push(settled)
  }
  const begin = (fields: Omit<Unit, 'id' | 'outcome'>): Unit => ({ id: units.length, ...fields })

  for (const step of steps) {
    switch (step.do) {
      case 'turn':
        await new Promise((resolve) => setImmediate(resolve))
        break
      case 'advance':
        await clock.advance(step.ms)
        break
      case 'release':
        gates.shift()?.()
        break
      case 'abort':
        aborters.splice(Math.floor(random() * aborters.length), 1)[0]?.abort(new Error('aborted'))
        break
      case 'close':
        isClosing = true
        for (const unit of units) if (unit.outcome === undefined) unit.mayBeGivenUp = true
        settling.push(storage.close())
        break
      case 'alone':
        settling.push(run(storage.db, 'pragma user_version = 7').catch(() => {}))
        break
      case 'hold': {
        const gate = Promise.withResolvers<void>()
        gates.push(gate.resolve)
        const unit = begin({ parts: 1, fate: 'fine', lane: 'normal', isOrdered: false, mayBeGivenUp: true })
        const hold = storage.write(async (trx) => {
          for (const row of rowsOf(unit)) await trx.executeQuery(insertRow(row))
          await gate.promise
        })
        note(unit, hold)
        break
      }
      default: {
        const { lane, fate, lockTimeoutMs, isAbortable } = step
        const options: { -readonly [Key in keyof WaitOptions]: WaitOptions[Key] } = { lane }
        if (lockTimeoutMs !== undefined) options.lockTimeoutMs = lockTimeoutMs
        if (isAbortable) {
          const aborter = new AbortController()
          aborters.push(aborter)
          options.signal = aborter.signal
        }
        const unit = begin({
          parts: step.do === 'prepared' ? 1 : step.parts,
          fate,
          lane,
          isOrdered: step.do !== 'transaction',
          mayBeGivenUp: isClosing || isAbortable || lockTimeoutMs !== undefined,
        })
        const rows = rowsOf(unit)
        note(unit, writeRows(step.do, rows, options))
      }
    }
  }

  function writeRows(how: Step['do'], rows: readonly Row[], options: WaitOptions): Promise<unknown> {
    const [row] = rows as readonly [Row]
    if (how === 'write')
      return storage
        .with(options)
        .insertInto('log')
        .values([...rows])
        .execute()
    if (how === 'prepared') return insertPrepared(row, options)
    if (how === 'batch') return storage.batch(rows.map(insertRow), options)
    return storage.write(async (trx) => {
      for (const each of rows) await trx.executeQuery(insertRow(each))
    }, options)
  }

  for (const letGo of gates) letGo()
  // Nobody else has the lock, so all of it works itself off without any time passing.
  await withinTenSeconds(Promise.all(settling))
  await withinTenSeconds(storage.close())
  const stats = storage.stats()
  expect(stats.queuedWrites).toBe(0)
  expect(clock.pending).toBe(0)

  const reopened = await open()
  const { rows } = await sql<{ unit: number; parts: number; first: number; last: number }>`
    select unit, count(*) as parts, count(distinct part) as distinct_parts, min(seq) as first, max(seq) as last
    from log group by unit order by first`.execute(reopened.db)
  await reopened.close()
  check(units, rows)
  return {
    fulfilled: units.filter(({ outcome }) => outcome?.error === undefined).length,
    rejected: units.filter(({ outcome }) => outcome?.error !== undefined).length,
    largestGroup: stats.largestGroup,
  }
}

async function withinTenSeconds(promise: Promise<unknown>): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error('It did not end within 10 s')), 10_000)
  try {
    await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

interface Stored {
  readonly unit: number
  readonly parts: number
  readonly first: number
  readonly last: number
}

function check(units: readonly Unit[], rows: readonly Stored[]): void {
  const stored = new Map(rows.map((row) => [row.unit, row]))
  for (const unit of units) {
    const { id, fate, parts, outcome, mayBeGivenUp } = unit
    const error = outcome?.error
    const row = stored.get(id)
    if (error === undefined) {
      expect([id, fate, row?.parts]).toEqual([id, 'fine', parts])
      expect(row).toMatchObject({ distinct_parts: parts, last: (row?.first ?? 0) + parts - 1 })
    } else {
      expect([id, row]).toEqual([id, undefined])
      const isExpected = fate === 'fine' ? mayBeGivenUp : mayBeGivenUp || error.code === codes[fate]
      if (!isExpected) throw new Error(`Unit ${id} (${fate}) rejected with ${error}`, { cause: error })
    }
  }
  for (const lane of ['control', 'normal', 'background']) {
    const isThere = ({ id, isOrdered, ...unit }: Unit): boolean =>
      isOrdered && unit.lane === lane && stored.has(id)
    const firsts = units.filter(isThere).map(({ id }) => stored.get(id)?.first as number)
    expect(firsts).toEqual(firsts.toSorted((a, b) => a - b))
  }
}
