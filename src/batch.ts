/**
 * Several queries, all or none of them, in one lock cycle (contract C6).
 *
 * @module
 */
import type { Compilable, CompiledQuery, KyselyPlugin, QueryResult } from 'kysely'
import { type RoutedStatement, toQueryResult, toStatement } from './connection/statement.ts'
import { InvalidStatementError, withCallerStack } from './errors.ts'
import { throughPlugins } from './kysely/result-plugins.ts'
import type { WriteOptions } from './options/pool-options.ts'
import { assertStandsAlone } from './pool/router.ts'
import { writeStatements } from './pool/write-statements.ts'
import type { ConnectionPool } from './pool.ts'

/** A query of a batch: a builder that was not executed, or what one was compiled to. */
export type BatchQuery = Compilable<unknown> | CompiledQuery<unknown>

/** The results of a batch: one for each query, typed by it. */
export type BatchResults<Queries extends readonly BatchQuery[]> = {
  -readonly [Index in keyof Queries]: BatchResult<Queries[Index]>
}

/** Of one query. It takes apart what is one of several kinds, such as an element of a `BatchQuery[]`. */
type BatchResult<Query> =
  Query extends Compilable<infer Row>
    ? QueryResult<Row>
    : Query extends CompiledQuery<infer Row>
      ? QueryResult<Row>
      : never

/** Commits the queries together, and with whatever else waits for the writer. */
export async function runBatch<const Queries extends readonly BatchQuery[]>(
  pool: ConnectionPool,
  plugins: readonly KyselyPlugin[],
  queries: Queries,
  options?: WriteOptions,
): Promise<BatchResults<Queries>> {
  try {
    pool.intake.assertTakesIn()
    const compiled = queries.map((query) => ('compile' in query ? query.compile() : query))
    const statements = compiled.map((query) => toBatchStatement(pool, query))
    const answers = statements.length === 0 ? [] : await writeStatements(pool, statements, options)
    const results = compiled.map((query, index) => {
      const statement = statements[index] as RoutedStatement
      // A reader would not find the temporary table, or another one of its name.
      pool.readsOnWriter ||= statement.shape.temporary
      const answer = answers?.[index]
      const result = answer ? toQueryResult(statement, answer) : { rows: [] }
      return throughPlugins(plugins, query, result)
    })
    return (await Promise.all(results)) as BatchResults<Queries>
  } catch (error) {
    throw withCallerStack(error)
  }
}

function toBatchStatement(pool: ConnectionPool, query: CompiledQuery): RoutedStatement {
  const statement = toStatement(query, pool.integerBinding)
  assertStandsAlone(statement)
  if (statement.kind !== 'alone') return statement
  throw new InvalidStatementError(
    `Cannot run ${statement.shape.verb} in a batch as it runs outside of transactions`,
  )
}
