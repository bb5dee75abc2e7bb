/**
 * Makes a test of each contract case that an isolate has, and runs it there.
 *
 * @module
 */
import { afterAll, it } from 'vitest'
import type { CaseReport } from './case.ts'
import { type Isolate, type IsolateOptions, startIsolate } from './isolate.ts'

/** The slowest case takes two seconds. */
const answerLimitMs = 25_000

/**
 * Starts the isolate, and answers the titles of its cases.
 *
 * @param reasonOf Why a case is left out, by its title; `undefined` if it is not.
 */
export async function runCases(
  entry: string,
  options: Omit<IsolateOptions, 'hasCases'>,
  reasonOf: (title: string) => string | undefined,
): Promise<readonly string[]> {
  const start = (): Promise<Isolate> => startIsolate(entry, { ...options, hasCases: true })
  let isolate = await start()
  afterAll(() => isolate[Symbol.asyncDispose]())
  const run = async (title: string): Promise<CaseReport> => {
    const signal = AbortSignal.timeout(answerLimitMs)
    const response = await isolate.fetch({ method: 'POST', body: title, signal })
    const answer = await response.text()
    return response.ok ? (JSON.parse(answer) as CaseReport) : { outcome: 'failed', error: answer }
  }
  const titles = (await (await isolate.fetch()).json()) as string[]
  for (const title of titles) {
    const reason = reasonOf(title)
    if (reason !== undefined) {
      it.skip(`${title} (not here: ${reason})`, () => {})
      continue
    }
    it(title, { timeout: 3 * answerLimitMs }, async (context) => {
      const report = await run(title).catch(async (error: Error) => {
        if (error.name !== 'TimeoutError') throw error
        // Seen twice, in D1: workerd stands still, and answers nothing any more, whatever it is asked. A case that has two
        // of them stand still fails.
        console.warn(`No answer of workerd in ${answerLimitMs} ms, another one is asked: ${title}`)
        await isolate[Symbol.asyncDispose]()
        isolate = await start()
        return run(title)
      })
      if (report.outcome === 'failed') throw new Error(report.error)
      if (report.outcome === 'skipped') return context.skip(report.reason)
    })
  }
  return titles
}
