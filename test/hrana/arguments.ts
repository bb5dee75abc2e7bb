/**
 * Which argument each parameter of a statement takes, with sqld's strictness: SQLite would take a missing one for NULL.
 *
 * @module
 */
import { SqlLexer, token } from '../../src/sql/lexer.ts'
import type { StatementScan } from '../../src/sql/statement-scan.ts'
import { HranaError, type WireStatement } from './protocol.ts'
import { fromWire, type NativeValue } from './values.ts'

/**
 * The values for the plain `?` that the statement was rewritten to, in their order.
 *
 * @throws {HranaError} If there are too few, too many, or both kinds.
 */
export function boundValues({ parameters }: StatementScan, sql: string, wire: WireStatement): NativeValue[] {
  const { args = [], named_args: named = [] } = wire
  if (args.length > 0 && named.length > 0) {
    throw new HranaError(
      'ARGS_BOTH_POSITIONAL_AND_NAMED',
      'Specifying both positional and named arguments is not supported',
    )
  }
  const given = args.length + named.length
  const { parameterCount, parameterOrder } = parameters
  if (given > parameterCount) throw mismatch(`too many parameters, expected ${parameterCount} found ${given}`)
  const byName = new Map(named.map(({ name, value }) => [name.replace(/^[:@$]/, ''), value]))
  const names = parameterNames(sql)
  const values: NativeValue[] = []
  for (let index = 0; index < parameterCount; index++) {
    const name = names.get(index)
    // A parameter with a name never takes an argument by its place.
    const value = name === undefined || name.startsWith('?') ? args[index] : byName.get(name.slice(1))
    if (value === undefined) throw mismatch(`value for parameter ${name ?? index + 1} not found`)
    const native = fromWire(value)
    if (bytesOf(native) > maxValueBytes) throw mismatch('string or blob too big')
    values.push(native)
  }
  return parameterOrder === undefined ? values : parameterOrder.map((index) => values[index] ?? null)
}

/** As sqld. */
const maxValueBytes = 5_000_000

function bytesOf(value: NativeValue): number {
  if (typeof value === 'string') return Buffer.byteLength(value)
  return value instanceof Uint8Array ? value.byteLength : 0
}

/** By the number of the parameter, from 0. Those that are a plain `?` have none. */
export function parameterNames(sql: string): ReadonlyMap<number, string> {
  const names = new Map<number, string>()
  const numbers = new Map<string, number>()
  const lexer = new SqlLexer(sql)
  let count = 0
  for (let kind = lexer.next(); kind !== token.end; kind = lexer.next()) {
    if (kind !== token.parameter) continue
    const text = lexer.text()
    const number = text === '?' ? count : text.startsWith('?') ? Number(text.slice(1)) - 1 : numbers.get(text)
    const known = number ?? count
    if (text !== '?') {
      names.set(known, text)
      numbers.set(text, known)
    }
    count = Math.max(count, known + 1)
  }
  return names
}

function mismatch(reason: string): HranaError {
  return new HranaError('ARGS_INVALID', `Arguments do not match SQL parameters: ${reason}`)
}
