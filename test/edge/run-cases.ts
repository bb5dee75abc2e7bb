/**
 * Makes a test of each contract case that an isolate has, and runs it there.
 *
 * @module
 */
import { afterAll, it } from 'vitest'
import type { CaseReport } from './case.ts'
import { type IsolateOptions, startIsolate } from './isolate.ts'

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
  const isolate = await startIsolate(entry, { ...options, hasCases: true })
  afterAll(() => isolate[Symbol.asyncDispose]())
  const titles = (await (await isolate.fetch()).json()) as string[]
  for (const title of titles) {
    const reason = reasonOf(title)
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
  return titles
}
