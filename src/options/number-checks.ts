/**
 * The checks of numbers that are options: what comes from a file or a form may be text, and the error then says so.
 *
 * @module
 */

/**
 * @param what The option, as the start of a sentence.
 * @throws {RangeError} If it is no number, or a smaller one.
 */
export function checkNumber(what: string, value: number, least: number): number {
  if (typeof value === 'number' && value >= least) return value
  throw badNumber(`${what} must be a number >= ${least}`, value)
}

/**
 * @param what The option, as the start of a sentence.
 * @throws {RangeError} If it is no integer, or a smaller one.
 */
export function checkInteger(what: string, value: number, least: number): number {
  if (Number.isInteger(value) && value >= least) return value
  throw badNumber(`${what} must be an integer >= ${least}`, value)
}

/** @param sentence What it must be. */
export function badNumber(sentence: string, value: unknown): RangeError {
  const type = typeof value === 'number' ? '' : ` (${typeof value})`
  return new RangeError(`${sentence}: current value is ${value}${type}`)
}
