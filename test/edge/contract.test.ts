/**
 * The contract inside workerd, where libraries for the edge have to hold it: one process of it, and its own D1. Run by
 * Node alone: who starts workerd makes no difference to what runs inside.
 *
 * @module
 */
import { afterAll, describe, expect, it } from 'vitest'
import { runtime } from '../contract/matrix.ts'
import type { CaseReport } from './case.ts'
import type { Isolate } from './isolate.ts'
import { notOnD1, unusedReasons } from './not-on-d1.ts'

if (runtime === 'node') await describeEdge()
else it.skip('the contract inside workerd (Node starts it)', () => {})

async function describeEdge(): Promise<void> {
  const { startIsolate } = await import('./isolate.ts')
  const databases = ['D1', 'D2', 'D3', 'D4']
  const isolate: Isolate = await startIsolate('worker.ts', { hasCases: true, databases })
  afterAll(() => isolate[Symbol.asyncDispose]())
  const titles = (await (await isolate.fetch()).json()) as string[]

  describe('on workerd with d1', () => {
    for (const title of titles) {
      const reason = notOnD1(title)
      if (reason !== undefined) {
        it.skip(`${title} (not here: ${reason})`, () => {})
        continue
      }
      it(title, { timeout: 30_000 }, async (context) => {
        const response = await isolate.fetch({ method: 'POST', body: title })
        const answer = await response.text()
        const report: CaseReport = response.ok
          ? (JSON.parse(answer) as CaseReport)
          : { outcome: 'failed', error: answer }
        if (report.outcome === 'failed') throw new Error(report.error)
        if (report.outcome === 'skipped') return context.skip(report.reason)
      })
    }

    it('every line of the table of what D1 cannot do is about a case', () => {
      expect(unusedReasons(titles)).toEqual([])
    })
  })
}
