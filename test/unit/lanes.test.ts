/**
 * The order of the lanes (contract C7).
 *
 * @runs-alone it measures how time grows
 */
import fc from 'fast-check'
import { seededRandom, testClock } from 'unbusy/testing'
import { describe, expect, it } from 'vitest'
import { type Lane, Lanes, type LaneUnit, lanesByUrgency } from '../../src/lanes.ts'
import { openPool } from './pool.ts'

interface Unit extends LaneUnit {
  readonly name: string
  isWaiting: boolean
}

function unit(lane: Lane, enteredAtMs: number, name: string = lane): Unit {
  return { lane, enteredAtMs, name, isWaiting: true }
}

function lanesOf(...units: readonly Unit[]): Lanes<Unit> {
  const lanes = new Lanes<Unit>()
  for (const each of units) lanes.push(each)
  return lanes
}

/** Takes all, as the queue does. */
function drain(lanes: Lanes<Unit>): string[] {
  const names: string[] = []
  for (let next = lanes.peek(); next !== undefined; next = lanes.peek()) {
    lanes.took(next)
    next.isWaiting = false
    names.push(next.name)
  }
  return names
}

describe('Lanes', () => {
  it('answers control before normal before background, first in first out in each', () => {
    const lanes = lanesOf(
      ...['a', 'b'].flatMap((turn) =>
        [...lanesByUrgency].reverse().map((lane) => unit(lane, 0, `${lane} ${turn}`)),
      ),
    )

    expect(drain(lanes)).toEqual(lanesByUrgency.flatMap((lane) => [`${lane} a`, `${lane} b`]))
    expect(lanes.peek()).toBeUndefined()
  })

  it('lets a unit rise one lane per second that it waits', () => {
    expect(drain(lanesOf(unit('background', 0), unit('control', 1_999)))).toEqual(['control', 'background'])
    expect(drain(lanesOf(unit('background', 0), unit('control', 2_001)))).toEqual(['background', 'control'])
    expect(drain(lanesOf(unit('normal', 0), unit('control', 999)))).toEqual(['control', 'normal'])
    expect(drain(lanesOf(unit('normal', 0), unit('control', 1_001)))).toEqual(['normal', 'control'])
    expect(drain(lanesOf(unit('background', 0), unit('normal', 1_001)))).toEqual(['background', 'normal'])
  })

  it('gives the more urgent lane the turn when both are as old', () => {
    expect(drain(lanesOf(unit('background', 0), unit('normal', 1_000), unit('control', 2_000)))).toEqual([
      'control',
      'normal',
      'background',
    ])
  })

  it('skips what was given up, first, last and in between, and lists only what waits', () => {
    const units = Array.from({ length: 5_000 }, (_, index) => unit('normal', index, `${index}`))
    const lanes = lanesOf(...units)
    const kept = new Set([7, 8, 2_500, 4_998])

    for (const [index, each] of units.entries()) {
      if (kept.has(index)) continue
      each.isWaiting = false
      lanes.gaveUp(each)
    }

    expect([...lanes].map(({ name }) => name)).toEqual(['7', '8', '2500', '4998'])
    expect(drain(lanes)).toEqual(['7', '8', '2500', '4998'])
  })

  it('agrees with a sorted list, whatever comes, goes and is given up', () => {
    const step = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({ do: fc.constant('push'), lane: fc.constantFrom(...lanesByUrgency) }),
      },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('take'), lane: fc.constant('control' as Lane) }) },
      {
        weight: 2,
        arbitrary: fc.record({ do: fc.constant('give up'), lane: fc.constant('control' as Lane) }),
      },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.integer(), (steps, seed) => {
        const random = seededRandom(seed)
        const lanes = new Lanes<Unit>()
        const model: Unit[] = []
        let nowMs = 0
        for (const [index, { do: what, lane }] of steps.entries()) {
          nowMs += random() * 700
          if (what === 'push') {
            const entered = unit(lane, nowMs, `${index}`)
            lanes.push(entered)
            model.push(entered)
          } else if (what === 'take') {
            const first = lanes.peek()
            expect(first).toBe(model.toSorted(byRank)[0])
            if (first === undefined) continue
            lanes.took(first)
            first.isWaiting = false
            model.splice(model.indexOf(first), 1)
          } else if (model.length > 0) {
            const [gone] = model.splice(Math.floor(random() * model.length), 1) as [Unit]
            gone.isWaiting = false
            lanes.gaveUp(gone)
          }
          expect(new Set(lanes)).toEqual(new Set(model))
        }
      }),
      { numRuns: 200 },
    )
  })

  it('takes a hundred thousand units in a time that grows with their number, not with its square', () => {
    const timeOf = (count: number): number => {
      const lanes = new Lanes<Unit>()
      const startedAt = performance.now()
      for (let index = 0; index < count; index++) lanes.push(unit('normal', index))
      expect(drain(lanes)).toHaveLength(count)
      return performance.now() - startedAt
    }
    timeOf(5_000)

    const [small, large] = [Math.min(timeOf(5_000), timeOf(5_000)), timeOf(100_000)]

    // 20 times as many: 400 times as long if each took a copy of the rest.
    expect(large / small).toBeLessThan(150)
  })
})

/** The rule of the lanes, as DESIGN words it: one lane for each 1,000 ms. */
function byRank(a: Unit, b: Unit): number {
  const rank = ({ lane, enteredAtMs }: Unit): number => enteredAtMs + 1_000 * lanesByUrgency.indexOf(lane)
  return rank(a) - rank(b) || lanesByUrgency.indexOf(a.lane) - lanesByUrgency.indexOf(b.lane)
}

describe('WriteQueue with lanes', () => {
  const order = async (waitsMs: Readonly<Partial<Record<Lane, number>>>): Promise<Lane[]> => {
    const clock = testClock()
    const { pool } = await openPool({ clock })
    const lease = await pool.queue.own(pool.startWait(), async () => {})
    const ran: Lane[] = []
    const units: Promise<void>[] = []
    for (const [lane, waitMs] of Object.entries(waitsMs) as [Lane, number][]) {
      const run = async (): Promise<void> => {
        ran.push(lane)
      }
      units.push(pool.queue.exclusive(pool.startWait({ lane }), run))
      await clock.advance(waitMs)
    }
    lease.release()
    await Promise.all(units)
    return ran
  }

  it('runs a background unit of more than 2 s before a fresh control unit, and not one of less', async () => {
    expect(await order({ background: 2_001, control: 0 })).toEqual(['background', 'control'])
    expect(await order({ background: 1_999, control: 0 })).toEqual(['control', 'background'])
  })

  it('runs a normal unit of more than 1 s before a fresh control unit, and not one of less', async () => {
    expect(await order({ normal: 1_001, control: 0 })).toEqual(['normal', 'control'])
    expect(await order({ normal: 999, control: 0 })).toEqual(['control', 'normal'])
  })

  it('starves nobody: a background unit has its turn amid an endless flow of control units', async () => {
    const clock = testClock()
    const { pool } = await openPool({ clock })
    const lease = await pool.queue.own(pool.startWait(), async () => {})
    const ran: Lane[] = []
    const background = pool.queue.exclusive(pool.startWait({ lane: 'background' }), async () => {
      ran.push('background')
    })
    // Each control unit lasts 100 ms, and the next one waits already when it ends.
    const control = async (): Promise<void> => {
      await pool.queue.exclusive(pool.startWait({ lane: 'control' }), async () => {
        ran.push('control')
        if (ran.includes('background') || ran.length > 100) return
        flow.push(control())
        await clock.advance(100)
      })
    }
    const flow = [control()]
    lease.release()
    await background
    for (const each of flow) await each

    const turn = ran.indexOf('background')
    expect(turn).toBeGreaterThanOrEqual(19)
    expect(turn).toBeLessThanOrEqual(23)
  })
})
