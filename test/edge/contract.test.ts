/**
 * The contract inside workerd, where libraries for the edge have to hold it: one process of it, and its own D1. Run by
 * Node alone: who starts workerd makes no difference to what runs inside.
 *
 * @module
 */
import { describe, expect, it } from 'vitest'
import { runtime } from '../contract/matrix.ts'
import { notOnD1, unusedReasons } from './not-on-d1.ts'

if (runtime === 'node') {
  describe('on workerd with d1', async () => {
    const { runCases } = await import('./run-cases.ts')
    const titles = await runCases('worker.ts', { databases: ['D1', 'D2', 'D3', 'D4'] }, notOnD1)

    it('every line of the table of what D1 cannot do is about a case', () => {
      expect(unusedReasons(titles)).toEqual([])
    })
  })
} else it.skip('the contract inside workerd (Node starts it)', () => {})
