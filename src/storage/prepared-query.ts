/**
 * Queries that are built and compiled once and bound anew at each call: building and compiling costs about twice what
 * SQLite takes to run a small insert.
 *
 * @module
 */
import type { Compilable, CompiledQuery, KyselyPlugin, QueryResult } from 'kysely'
import { InvalidStatementError } from '../errors.ts'
import { throughPlugins } from '../kysely/result-plugins.ts'
import type { WaitOptions } from '../options/pool-options.ts'
import { queryAlone } from '../pool/router.ts'
import type { ConnectionPool } from '../pool.ts'
import { type BoundValue, encodeValue, type IntegerBinding } from '../values.ts'

/**
 * The value that stands for a parameter while the query is built. Whatever turns it into another value would end up in
 * the SQL, once for all calls: that is refused. Only that it is truthy cannot be helped.
 */
class Placeholder {
  readonly name: string

  constructor(name: string) {
    this.name = name
  }

  [Symbol.toPrimitive](): never {
    this.refuse()
  }

  [Symbol.iterator](): never {
    this.refuse()
  }

  toJSON(): never {
    this.refuse()
  }

  refuse(): never {
    throw new InvalidStatementError(
      `Cannot compute with the parameter '${this.name}' of a prepared query as it has no value while the query is built: compute in SQL, or before the call`,
    )
  }
}

/** A query that takes its parameters when it is called, and answers as `executeQuery` does. */
export type PreparedQuery<Parameters, Row> = (
  parameters: Parameters,
  options?: WaitOptions,
) => Promise<QueryResult<Row>>

/** Compiles `build` once, with placeholders for its parameters. */
export function prepareQuery<Parameters extends object, Row>(
  pool: ConnectionPool,
  plugins: readonly KyselyPlugin[],
  build: (parameters: Parameters) => Compilable<Row>,
): PreparedQuery<Parameters, Row> {
  const unused = new Set<string>()
  const compiled: CompiledQuery<Row> = build(placeholders<Parameters>(unused)).compile()
  const { sql, parameters: template } = compiled
  for (const value of template) if (value instanceof Placeholder) unused.delete(value.name)
  // It was taken apart, as in p.row.id, or decided something: what came of that would hold for all calls.
  for (const name of unused) new Placeholder(name).refuse()
  const run = (parameters: Parameters, options?: WaitOptions): Promise<QueryResult<Row>> => {
    try {
      const query = { sql, parameters: bind(template, parameters, pool.integerBinding), isEncoded: true }
      return queryAlone(pool, query, options) as Promise<QueryResult<Row>>
    } catch (error) {
      return Promise.reject(error)
    }
  }
  // Not async where nothing is to be done with the result: a promise less is a tenth of a small insert.
  if (plugins.length === 0) return run
  return async (parameters, options) =>
    (await throughPlugins(plugins, compiled, await run(parameters, options))) as QueryResult<Row>
}

/** Encodes while it binds: an array less for each call. */
function bind(template: readonly unknown[], parameters: object, integers: IntegerBinding): BoundValue[] {
  const values = new Array<BoundValue>(template.length)
  for (let index = 0; index < values.length; index++) {
    const value = template[index]
    values[index] =
      value instanceof Placeholder
        ? encodeValue(parameterOf(parameters, value.name), value.name, integers)
        : encodeValue(value, index, integers)
  }
  return values
}

/** @param asked Is filled with their names. */
function placeholders<Parameters extends object>(asked: Set<string>): Parameters {
  return new Proxy({} as Parameters, {
    get(_target, name) {
      if (typeof name !== 'string') return undefined
      asked.add(name)
      return new Placeholder(name)
    },
    // Spread, Object.keys() and `in` would find none, and the query would silently leave them out.
    ownKeys: refuseList,
    has: refuseList,
  })
}

function refuseList(): never {
  throw new InvalidStatementError(
    'Cannot list the parameters of a prepared query as they are known at its calls: name each, as in values({ id: p.id })',
  )
}

function parameterOf(given: object, name: string): unknown {
  const parameters = Object(given) as Record<string, unknown>
  if (name in parameters) return parameters[name]
  throw new InvalidStatementError(`Cannot run the prepared query without its parameter '${name}'`)
}
