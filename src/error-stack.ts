/**
 * The stacks of errors: none where an error is met hundreds of times, and the caller's where it was born in a later turn.
 *
 * @module
 */

/**
 * Runs `attempt` with errors that have no stack: whoever waits for the lock meets a busy one hundreds of times, and to walk
 * the stack takes longer than the attempt.
 */
export function withoutStack<T>(attempt: () => T): T {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    return attempt()
  } finally {
    Error.stackTraceLimit = limit
  }
}

/** An error of a queued write is born in a later turn, without the frames of its caller; success pays nothing for this. */
export function withCallerStack(error: unknown): unknown {
  if (!(error instanceof Error) || Object.isFrozen(error)) return error
  // Of every promise that was awaited in a later turn, Node shows one and the same frame of its own, and Deno three.
  const frames = deepStack()
    ?.split('\n')
    .filter((frame) => !/processTicksAndRejections|\(ext:core\//.test(frame))
  const [caller, ...callers] = frames?.slice(4) ?? []
  // Seen already when a connection noted it: it lies deeper on the way back.
  if (caller === undefined || error.stack?.includes(caller)) return error
  error.stack = [error.stack, caller, ...callers].join('\n')
  return error
}

/** Inside a transaction, Kysely's own frames alone fill the ten that an error has. */
function deepStack(): string | undefined {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 50
  try {
    return new Error().stack
  } finally {
    Error.stackTraceLimit = limit
  }
}
