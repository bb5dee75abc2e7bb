/**
 * What Deno, and Node with `--permission`, let nobody do without a flag: drivers meet it in many places, and what they make of
 * it misleads.
 *
 * @module
 */

/** What the runtime says of a permission that the program was not started with; `undefined` of every other error. */
export function missingPermission(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { name, code, message, resource } = at as Error & Readonly<Record<string, unknown>>
    if (name === 'NotCapable' || code === 'ERR_DLOPEN_DISABLED') return message
    // Node's sentence has everything but the file.
    if (code === 'ERR_ACCESS_DENIED') return resource ? `${message.replace(/\.$/, '')}: ${resource}` : message
  }
  return undefined
}
