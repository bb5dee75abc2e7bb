/**
 * Telling users' functions what happened: what they throw must not reach those who only happened to be the cause.
 *
 * @module
 */

/** Calls a function that is told of something, if there is one. What it throws is ignored. */
export function report<T>(listener: ((what: T) => unknown) | undefined, what: T): void {
  try {
    const answer = listener?.(what)
    // One that is async throws later: nobody would hear of it, and the process would end.
    if (answer instanceof Promise) answer.catch(() => {})
  } catch {
    // Whom should it be told?
  }
}
