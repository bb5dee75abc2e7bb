/**
 * What Deno lets nobody do without a flag: drivers meet it in many places, and what they make of it misleads.
 *
 * @module
 */

/** What Deno says of a permission that the program was not started with; `undefined` of every other error. */
export function missingPermission(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) if (at.name === 'NotCapable') return at.message
  return undefined
}
