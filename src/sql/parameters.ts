/**
 * Counts the parameters of one SQL text by SQLite's rules and rewrites every style of them to plain `?`,
 * because a list of values is the one way of binding that every driver has.
 *
 * @module
 */
import { InvalidStatementError } from '../errors.ts'

/** SQLITE_MAX_VARIABLE_NUMBER as SQLite ships it. Some engines are built with more. */
const highestNumber = 32_766

/** A text with plain `?` only, how many values it takes, and which of them each `?` takes if not in order. */
export interface PlainParameters {
  readonly sql: string
  readonly parameterCount: number
  readonly parameterOrder: readonly number[] | undefined
}

/**
 * Rewrites the parameters of one text, which are added from left to right. It is needed from the first one
 * that is not a plain `?`. Numbers are given as `sqlite3ExprAssignVarNumber()` gives them: `?` and a new name
 * take the highest number so far plus one, a name that was seen keeps its number (its sign and case are part
 * of the name), `?NNN` is its own number.
 */
export class ParameterRewriter {
  readonly #sql: string
  readonly #numbers = new Map<string, number>()
  readonly #order: number[] = []
  #count = 0
  #rewritten = ''
  #copied = 0

  /** @param plainCount How many plain `?` came before: they are numbers 1 to `plainCount`. */
  constructor(sql: string, plainCount: number) {
    this.#sql = sql
    for (let i = 0; i < plainCount; i++) this.#take(i + 1)
  }

  /**
   * Takes the parameter at `sql.slice(start, end)`.
   *
   * @throws {InvalidStatementError} If the NNN of a `?NNN` is not between 1 and 32,766.
   */
  add(start: number, end: number): void {
    const sql = this.#sql
    const text = sql.slice(start, end)
    this.#take(
      text === '?' ? this.#count + 1 : text.startsWith('?') ? numberOf(text) : this.#numberOfName(text),
    )
    this.#rewritten += `${sql.slice(this.#copied, start)}?`
    this.#copied = end
    // `$a(b)1` is a syntax error; `?1` would be another parameter.
    const next = sql.charCodeAt(end)
    if (next >= 48 && next <= 57) this.#rewritten += ' '
  }

  result(): PlainParameters {
    return {
      sql: this.#rewritten + this.#sql.slice(this.#copied),
      parameterCount: this.#count,
      parameterOrder: this.#order.every((value, index) => value === index) ? undefined : this.#order,
    }
  }

  #take(number: number): void {
    this.#order.push(number - 1)
    if (number > this.#count) this.#count = number
  }

  #numberOfName(name: string): number {
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    this.#numbers.set(name, this.#count + 1)
    return this.#count + 1
  }
}

function numberOf(text: string): number {
  const number = Number(text.slice(1))
  if (number >= 1 && number <= highestNumber) return number
  const what = `its parameter is ${text.slice(0, 20)}`
  throw new InvalidStatementError(
    `Cannot run the SQL text as ${what}: parameters are ?1 to ?${highestNumber}`,
  )
}
