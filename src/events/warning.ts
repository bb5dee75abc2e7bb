/**
 * What is dangerous is said once a process, not at every opening.
 *
 * @module
 */
import { report } from './report.ts'

/** Where warnings go; `console.warn` by default. */
export type Warn = (message: string) => void

/** On globalThis, so that two copies of this library in one process do not say it twice. */
const said = Symbol.for('unbusy.warnings')

/** Says `message` unless something was said about this key in this process before. What `warn` throws keeps nobody from opening. */
export function warnOnce(key: string, message: string, warn: Warn = (text) => console.warn(text)): void {
  const scope = globalThis as { [said]?: Set<string> }
  scope[said] ??= new Set()
  if (scope[said].has(key)) return
  scope[said].add(key)
  report(warn, message)
}
