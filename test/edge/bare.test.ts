/**
 * The core where there is nothing of Node, and where no code can be made from text: it would not even load if it imported
 * a module of Node. Run by Node alone, as `contract.test.ts`.
 *
 * @module
 */
import { expect, it } from 'vitest'
import { runtime } from '../contract/matrix.ts'

it.skipIf(runtime !== 'node')(
  'the core runs in workerd without Node and without generated code',
  async () => {
    const { startIsolate } = await import('./isolate.ts')
    await using isolate = await startIsolate('bare-worker.ts', { hasCases: false, databases: ['DB'] })
    const response = await isolate.fetch()
    const text = await response.text()

    expect(response.status, text).toBe(200)
    expect(JSON.parse(text)).toEqual({
      hasProcess: false,
      hasSetImmediate: false,
      generatedCode: 'EvalError',
      rows: [
        { id: 'a', at: 2 },
        { id: 'b', at: 9 },
        { id: 'c', at: 4 },
      ],
      severity: 'info',
    })
  },
)
