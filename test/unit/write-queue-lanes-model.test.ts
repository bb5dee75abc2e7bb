/**
 * Random arrivals in lanes, against a model that is a plain list: whose turn it is at every moment, when budgets end,
 * what a signal does, and what a close at any point leaves and reports. A real queue on `:memory:`; time is injected.
 *
 * @module
 */
import fc from 'fast-check'
import { type CloseReport, type Lane, LockTimeoutError, QueueFullError, StorageClosedError } from 'unbusy'
import { describe, expect, it } from 'vitest'
import { lanesByUrgency } from '../../src/lanes.ts'
import { openPool, type TestPool } from './pool.ts'

type Step =
  | {
      /** Shares a group, has the writer for itself, or owns it until it is released. */
      readonly do: 'write' | 'exclusive' | 'own'
      readonly lane: Lane
      /** How long it has the writer. */
      readonly holdMs: number
      readonly budgetMs: number | undefined
      readonly isAbortable: boolean
    }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'abort'; readonly which: number }
  | { readonly do: 'close' }

const arrival: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom('write', 'write', 'exclusive', 'own'),
  lane: fc.constantFrom(...lanesByUrgency),
  holdMs: fc.nat({ max: 1_500 }),
  budgetMs: fc.option(fc.integer({ min: 1, max: 6_000 }), { nil: undefined }),
  isAbortable: fc.boolean(),
})

const program = fc.array(
  fc.oneof(
    { weight: 60, arbitrary: arrival },
    { weight: 40, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat({ max: 900 }) }) },
    { weight: 14, arbitrary: fc.record({ do: fc.constant('abort' as const), which: fc.nat({ max: 8 }) }) },
    { weight: 1, arbitrary: fc.constant<Step>({ do: 'close' }) },
  ),
  { minLength: 5, maxLength: 80, size: 'max' },
)

/** So few that the line is full now and then. */
const maxQueuedWrites = 8
const drainTimeoutMs = 1_000

interface Unit {
  readonly id: number
  readonly kind: 'write' | 'exclusive' | 'own'
  readonly lane: Lane
  readonly enteredAtMs: number
  readonly budgetMs: number
  readonly aborter: AbortController | undefined
}

/** The queue as a list, and everything that is asked of the real one at each event. */
class Model {
  readonly waiting: Unit[] = []
  readonly counts = { ran: 0, risen: 0, late: 0, aborted: 0, full: 0, closed: 0 }
  /** Exclusive units that run: they are in the line until they are through. */
  exclusive = 0
  isClosing = false
  /** Units that `close()` gave up. */
  givenUp = 0
  readonly #pool: TestPool

  constructor(pool: TestPool) {
    this.#pool = pool
  }

  /** Its turn has come: it must be the most urgent of all that wait, by what it is and how long it has waited. */
  run(unit: Unit): void {
    const [first] = this.waiting.toSorted(
      (a, b) =>
        rankOf(a) - rankOf(b) ||
        lanesByUrgency.indexOf(a.lane) - lanesByUrgency.indexOf(b.lane) ||
        a.id - b.id,
    )
    expect(unit.id).toBe(first?.id)
    expect(this.#ageOf(unit)).toBeLessThanOrEqual(unit.budgetMs + 1)
    expect(unit.aborter?.signal.aborted ?? false).toBe(false)
    if (this.waiting.some(({ lane }) => lanesByUrgency.indexOf(lane) < lanesByUrgency.indexOf(unit.lane)))
      this.counts.risen++
    this.counts.ran++
    this.#leave(unit)
  }

  /** It was rejected: each kind of error has one reason. */
  reject(unit: Unit, error: unknown): void {
    if (error instanceof QueueFullError) {
      // It never was in the line, which was full without it.
      this.#leave(unit)
      expect(this.waiting.length + this.exclusive).toBeGreaterThanOrEqual(maxQueuedWrites)
      this.counts.full++
      return
    }
    expect(this.waiting).toContain(unit)
    this.#leave(unit)
    if (error instanceof LockTimeoutError) {
      expect(error.waitedMs).toBe(this.#ageOf(unit))
      expect(error.waitedMs).toBeGreaterThanOrEqual(unit.budgetMs)
      expect(error.waitedMs).toBeLessThanOrEqual(unit.budgetMs + 1)
      this.counts.late++
    } else if (error instanceof StorageClosedError) {
      expect(this.isClosing).toBe(true)
      this.counts.closed++
    } else {
      expect(error).toBe(unit.aborter?.signal.reason)
      this.counts.aborted++
    }
  }

  #ageOf({ enteredAtMs }: Unit): number {
    return this.#pool.clock.now() - enteredAtMs
  }

  #leave(unit: Unit): void {
    this.waiting.splice(this.waiting.indexOf(unit), 1)
  }
}

/** One lane for each second. */
function rankOf({ lane, enteredAtMs }: Unit): number {
  return enteredAtMs + 1_000 * lanesByUrgency.indexOf(lane)
}

describe('WriteQueue with lanes against a model', () => {
  it('gives the turn to whom the rule names, ends each wait on time, and closes at any point', {
    timeout: 60_000,
  }, async () => {
    const total: Record<string, number> = {}
    await fc.assert(
      fc.asyncProperty(program, async (steps) => {
        const counts = await runProgram(steps)
        for (const [name, count] of Object.entries(counts)) total[name] = (total[name] ?? 0) + count
      }),
      { numRuns: Number(process.env.MODEL_RUNS ?? 200) },
    )

    // Everything did happen.
    for (const [name, count] of Object.entries(total)) expect([name, count > 5]).toEqual([name, true])
  })
})

async function runProgram(steps: readonly Step[]): Promise<Model['counts'] & { readonly revoked: number }> {
  const testPool = await openPool({ maxQueuedWrites, drainTimeoutMs, lockTimeoutMs: 30_000 })
  const { pool, clock } = testPool
  const model = new Model(testPool)
  const settled: Promise<void>[] = []
  const failures: unknown[] = []
  const units: Unit[] = []
  let revoked = 0
  let closing: Promise<CloseReport> | undefined

  const note = (event: () => void): void => {
    try {
      event()
    } catch (failure) {
      failures.push(failure)
    }
  }
  const hold = (ms: number): Promise<void> => new Promise((resolve) => void clock.schedule(ms, resolve))

  async function begin(unit: Unit, holdMs: number): Promise<void> {
    const { signal } = unit.aborter ?? {}
    const wait = pool.startWait({ lane: unit.lane, lockTimeoutMs: unit.budgetMs, ...(signal && { signal }) })
    if (unit.kind === 'write') {
      await pool.queue.write(wait, [])
      note(() => model.run(unit))
    } else if (unit.kind === 'exclusive') {
      await pool.queue.exclusive(wait, async () => {
        note(() => model.run(unit))
        model.exclusive++
        await hold(holdMs)
        model.exclusive--
      })
    } else {
      const lease = await pool.queue.own(wait, async () => note(() => model.run(unit)))
      await hold(holdMs)
      if (lease.revokedBy !== undefined) revoked++
      lease.release()
    }
  }

  for (const step of steps) {
    if (step.do === 'wait') await clock.advance(step.ms)
    else if (step.do === 'abort') units.at(-1 - step.which)?.aborter?.abort(new Error('aborted'))
    else if (step.do === 'close') {
      model.isClosing = true
      closing ??= pool.close()
      // Until the turn is over, what was called in it still comes in.
      await pool.connector.nextTurn()
      await pool.connector.nextTurn()
    } else {
      const unit: Unit = {
        id: units.length,
        kind: step.do,
        lane: step.lane,
        enteredAtMs: clock.now(),
        budgetMs: step.budgetMs ?? 30_000,
        aborter: step.isAbortable ? new AbortController() : undefined,
      }
      units.push(unit)
      // A closing storage takes nothing in: that one never waits.
      model.waiting.push(unit)
      const isRefused = model.isClosing
      settled.push(
        begin(unit, step.holdMs).catch((error) =>
          note(() => {
            model.reject(unit, error)
            if (error instanceof StorageClosedError && !isRefused) model.givenUp++
          }),
        ),
      )
      // What is taken or refused at once tells so in microtasks; until then it would stand in the line of the model.
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(failures).toEqual([])
    if (!model.isClosing) expect(pool.queue.size).toBeLessThanOrEqual(maxQueuedWrites)
  }
  model.isClosing = true
  closing ??= pool.close()
  await clock.advance(60_000)
  const report = await closing
  await Promise.all(settled)

  expect(failures).toEqual([])
  expect(model.waiting).toEqual([])
  expect(pool.queue.size).toBe(0)
  expect(clock.pending).toBe(0)
  expect([report.rejectedWrites, report.revokedTransactions]).toEqual([model.givenUp, revoked])
  return { ...model.counts, revoked }
}
