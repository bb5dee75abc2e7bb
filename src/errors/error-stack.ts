/**
 * The stacks of errors: none where an error is met hundreds of times, and the caller's where it was born in a later turn.
 *
 * @module
 */

/** Node with `--frozen-intrinsics` lets nobody set how many frames an error has: it has ten. */
const isLimitFixed = Object.isFrozen(Error)

/**
 * Runs `attempt` with errors that have no stack: whoever waits for the lock meets a busy one hundreds of times, and to walk
 * the stack takes longer than the attempt.
 */
export function withoutStack<T>(attempt: () => T): T {
  if (isLimitFixed) return attempt()
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    return attempt()
  } finally {
    Error.stackTraceLimit = limit
  }
}

/** No caller has so many frames: an error that is told to thousands must not grow by those of each. */
const maxLines = 100

/**
 * An error of a queued write is born in a later turn, without the frames of its caller, and one of a write that ran at once
 * below more frames than an error has. Success pays nothing for this.
 */
export function withCallerStack(error: unknown): unknown {
  if (!(error instanceof Error) || Object.isFrozen(error)) return error
  const { stack = '' } = error
  const seen = new Set(stack.split('\n'))
  if (seen.size > maxLines) return error
  const missing = deepStack()
    ?.split('\n')
    .slice(4)
    // Of every promise that was awaited in a later turn, Node shows one and the same frame of its own, and Deno three. What
    // is there already was born in the turn of its caller, or was noted by a connection, deeper on the way back.
    .filter((frame) => !/processTicksAndRejections|\(ext:core\//.test(frame) && !seen.has(frame))
  if (missing?.length) error.stack = [stack, ...missing].join('\n')
  return error
}

/** Inside a transaction, Kysely's own frames alone fill the ten that an error has. */
function deepStack(): string | undefined {
  if (isLimitFixed) return undefined
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 50
  try {
    return new Error().stack
  } finally {
    Error.stackTraceLimit = limit
  }
}
