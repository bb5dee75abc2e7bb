/**
 * The vitest reporter that counts a run for the runner. It counts what vitest's own summary of tests leaves out too: a
 * file that cannot be imported, a failing suite hook, an unhandled error.
 *
 * @module
 */
import type { Reporter, TestCase, TestModule, TestRunEndReason, TestSuite } from 'vitest/node'
import { appendTally, type Progress, type RuntimeName, type Tally, tallyFileVariable } from './tally.ts'

export default class TallyReporter implements Reporter {
  onTestModuleStart(module: TestModule): void {
    note({ name: module.relativeModuleId, event: 'begins' })
  }

  onTestCaseReady(test: TestCase): void {
    note({ name: nameOf(test), event: 'begins' })
  }

  onTestCaseResult(test: TestCase): void {
    note({ name: nameOf(test), event: test.result().state === 'failed' ? 'fails' : 'ends' })
  }

  onTestModuleEnd(module: TestModule): void {
    note({ name: module.relativeModuleId, event: 'ends' })
  }

  onTestRunEnd(
    modules: readonly TestModule[],
    unhandledErrors: readonly { readonly message?: string }[],
    reason: TestRunEndReason,
  ): void {
    const failures = modules.flatMap((module) => [...failedImports(module), ...failedSuites(module)])
    let passed = 0
    let skipped = 0
    for (const test of modules.flatMap((module) => [...module.children.allTests()])) {
      const { state } = test.result()
      if (state === 'passed') passed += 1
      else if (state === 'skipped') skipped += 1
      // A test that is still pending when the run has ended has proved nothing.
      else failures.push(nameOf(test))
    }
    for (const error of unhandledErrors) failures.push(`unhandled error: ${error.message ?? 'no message'}`)
    if (reason === 'interrupted') failures.push('the run was interrupted')

    note({ runtime: currentRuntime(), passed, failed: failures.length, skipped, failures })
  }
}

function note(line: Tally | Progress): void {
  const file = process.env[tallyFileVariable]
  if (file !== undefined) appendTally(file, line)
}

function nameOf(test: TestCase): string {
  return `${test.module.relativeModuleId} > ${test.fullName}`
}

/** A module with errors of its own (syntax, broken import, a top-level throw) has no tests that could fail for it. */
function failedImports(module: TestModule): readonly string[] {
  return module.errors().length === 0 ? [] : [`${module.relativeModuleId} (the file itself)`]
}

/** A throwing `beforeAll` marks its tests as skipped, so that only the suite tells of the failure. */
function failedSuites(module: TestModule): readonly string[] {
  return [...module.children.allSuites()]
    .filter((suite: TestSuite) => suite.errors().length > 0)
    .map((suite) => `${module.relativeModuleId} > ${suite.fullName} (the suite itself)`)
}

function currentRuntime(): RuntimeName {
  if ('Bun' in globalThis) return 'bun'

  return 'Deno' in globalThis ? 'deno' : 'node'
}
