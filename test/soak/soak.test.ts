/**
 * Some seconds of the soak on every connector of this runtime, so that it still runs and everything but slow growth shows;
 * `npm run soak` takes the minutes that those need.
 *
 * @module
 */
import { describe, expect, it } from 'vitest'
import { connectorNames, runtime } from '../contract/matrix.ts'
import type { End, Sample } from './report.ts'
import { runSoak } from './soak.ts'
import { checksOf, type SoakReport } from './verdict.ts'

describe.concurrent.each(connectorNames)(`soak on ${runtime} with %s`, (connector) => {
  it('loses nothing, leaves nothing open, and bounds the WAL', { timeout: 120_000 }, async () => {
    // What a runtime adds to it is small, so the other runtimes take less of the time that all tests have.
    const durationMs = runtime === 'node' ? 4_000 : 3_000
    const options = { durationMs, sampleEveryMs: 200, holdEveryMs: 600 }

    const report = await runSoak({ runtime, connector }, options)

    expect(checksOf(report, 0.5).filter(({ ok }) => !ok)).toEqual([])
  })
})

describe('the verdict of a soak', () => {
  const mebibyte = 1024 * 1024

  function reportOf(sampleAt: (index: number) => Partial<Sample>, end: Partial<End> = {}): SoakReport {
    const holdings = { fileDescriptors: 20, resources: ['PipeWrap'], listeners: 1 }
    const counts = {
      aborted: 1,
      'timed out': 1,
      refused: 1,
      stream: 1,
      coalesce: 1,
      append: 1,
      repository: 1,
    }
    const samples = Array.from({ length: 41 }, (_, index) => ({
      atMs: index,
      rssBytes: 200 * mebibyte,
      heapBytes: 20 * mebibyte,
      fileDescriptors: 30,
      walBytes: 1,
      ...sampleAt(index),
    }))
    const whole: End = { counts, verified: 1, wrong: [], before: holdings, after: holdings, ...end }
    return {
      connector: 'better-sqlite3',
      runtime: 'node',
      processes: [{ samples, end: whole, exitCode: 0 }],
      integrity: 'ok',
      isWalLeft: false,
    }
  }
  const failuresOf = (report: SoakReport): string[] =>
    checksOf(report)
      .filter(({ ok }) => !ok)
      .map(({ name }) => name)
  const after = { fileDescriptors: 20, resources: ['PipeWrap'], listeners: 1 }

  it('is good where all is flat, and where only the warm-up grew', () => {
    expect(failuresOf(reportOf(() => ({})))).toEqual([])
    expect(
      failuresOf(reportOf((index) => ({ rssBytes: Math.min(200, 80 + index * 12) * mebibyte }))),
    ).toEqual([])
  })

  it.each([
    ['memory flat', reportOf((index) => ({ heapBytes: (20 + index / 5) * mebibyte }))],
    ['memory flat', reportOf((index) => ({ rssBytes: (200 + 2 * index) * mebibyte }))],
    ['file descriptors flat', reportOf((index) => ({ fileDescriptors: 20 + index }))],
    ['file descriptors flat', reportOf(() => ({}), { after: { ...after, fileDescriptors: 22 } })],
    ['WAL bounded', reportOf((index) => ({ walBytes: index === 30 ? 12 * mebibyte : 0 }))],
    [
      'no timer or handle left',
      reportOf(() => ({}), { after: { ...after, resources: ['PipeWrap', 'Timeout'] } }),
    ],
    ['no listener left', reportOf(() => ({}), { after: { ...after, listeners: 2 } })],
    ['nothing lost, twice or refused', reportOf(() => ({}), { wrong: ['lost: unit 3'] })],
    ['nothing lost, twice or refused', reportOf(() => ({}), { counts: {} })],
    [
      'ends by itself',
      {
        ...reportOf(() => ({})),
        processes: reportOf(() => ({})).processes.map((it) => ({ ...it, exitCode: 'still running' })),
      },
    ],
    ['integrity_check', { ...reportOf(() => ({})), integrity: 'row 3 missing from index' }],
    ['no -wal left', { ...reportOf(() => ({})), isWalLeft: true }],
  ])('says "%s" where it is not so', (name, report) => {
    expect(failuresOf(report)).toEqual([name])
  })
})
