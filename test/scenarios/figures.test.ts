/** The figures of a scenario. */
import { describe, expect, it } from 'vitest'
import { percentile, type RunOutcome, summarize } from '../../bench/scenarios/figures.ts'
import { i1 } from '../../bench/scenarios/i1.ts'
import { worstByRound } from '../../bench/scenarios/loop-gaps.ts'
import type { ScenarioResult } from '../../bench/scenarios/result.ts'
import { renderJson, renderTable } from '../../bench/scenarios/table.ts'

const run = (latenciesMs: readonly number[], roundGapsMs: readonly number[]): RunOutcome => ({
  attempted: 10,
  committed: 7,
  lost: 2,
  failed: 1,
  latenciesMs,
  roundGapsMs,
  lockCycles: 4,
  endedByItself: true,
})

describe('percentile()', () => {
  it('is the smallest value that the share does not exceed', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)

    expect([0, 0.5, 0.99, 1].map((share) => percentile(hundred, share))).toEqual([1, 50, 99, 100])
    expect(percentile([], 0.5)).toBeNaN()
  })
})

describe('summarize()', () => {
  it('sums counts, takes the worst latencies, and the median over rounds of the worst gap', () => {
    const figures = summarize([run([1, 2, 3], [10, 900, 20]), run([4, 5.04, 60], [30, 5, 40])])

    expect(figures).toEqual({
      attempted: 20,
      committed: 14,
      lost: 4,
      failed: 2,
      p50Ms: 5,
      p99Ms: 60,
      maxMs: 60,
      loopGapMs: 40,
      lockCycles: 8,
    })
  })
})

describe('worstByRound()', () => {
  it('counts a freeze in full in every round that it touches', () => {
    const gaps = [
      { endedAtMs: 1_050, gapMs: 20 },
      { endedAtMs: 1_250, gapMs: 100 },
      { endedAtMs: 999, gapMs: 500 },
    ]

    expect(worstByRound(gaps, { startedAtMs: 1_000, roundMs: 100, count: 4 })).toEqual([20, 100, 100, 0])
  })
})

describe('the result of a scenario', () => {
  const outcome = run([1, 2, 3], [10])
  const result: ScenarioResult = {
    scenario: 'I1',
    old: summarize([outcome, outcome]),
    new: summarize([outcome]),
    sizes: [6, 5_000],
    runs: [{ size: 5_000, side: 'old', outcome }],
    shortfalls: ['something'],
  }

  it('renderJson() is one line with the sides, each with its figures, and the sizes', () => {
    const text = renderJson(result)

    expect(text).not.toContain('\n')
    expect(JSON.parse(text)).toEqual({ scenario: 'I1', old: result.old, new: result.new, sizes: [6, 5_000] })
    expect(Object.keys(result.old).join(' ')).toBe(
      'attempted committed lost failed p50Ms p99Ms maxMs loopGapMs lockCycles',
    )
  })

  it('renderTable() has a row per run, and one per side in all', () => {
    const rows = renderTable(i1, result)
      .split('\n')
      .map((line) => line.trim().split(/\s+/).slice(0, 4).join(' '))

    expect(rows).toEqual(expect.arrayContaining(['sessions side attempted committed', '5,000 old 10 7']))
    expect(rows).toEqual(expect.arrayContaining(['all old 20 14', 'all new 10 7']))
  })
})
