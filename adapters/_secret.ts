/**
 * Keeps a secret out of errors: a proxy may answer with the headers that it got, and clients keep the answers of servers in
 * their errors.
 *
 * @module
 */

/** Clients nest their errors three deep. */
const maxDepth = 8

/** Takes the secret, as it is and as a part of a URL, out of every text of an error, of its causes, and of what they hold. */
export function withoutSecret(error: unknown, secret: string): unknown {
  redact(error, [secret, encodeURIComponent(secret)], maxDepth)
  return error
}

function redact(holder: unknown, spellings: readonly string[], depth: number): void {
  if (typeof holder !== 'object' || holder === null || depth === 0) return
  for (const name of Object.getOwnPropertyNames(holder)) {
    const value = (holder as Record<string, unknown>)[name]
    if (typeof value !== 'string') redact(value, spellings, depth - 1)
    else if (spellings.some((spelling) => value.includes(spelling))) {
      const hidden = spellings.reduce((text, spelling) => text.replaceAll(spelling, '…'), value)
      hide(holder, name, hidden)
    }
  }
}

function hide(holder: object, name: string, value: string): void {
  try {
    Object.defineProperty(holder, name, { value, configurable: true, writable: true })
  } catch {
    // It is frozen, and no error that is known is.
  }
}
