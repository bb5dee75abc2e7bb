/**
 * What matters most of the contract, over kyselyDialect() and a dialect that is wrapped as users would: kysely's own on
 * Node and Deno, BunSqliteDialect on Bun. `WRAP_DIALECTS=1 vitest run test/contract` runs all of it, and fails where
 * stats() names the connector and where a checkpoint worker is needed.
 */
import { expect, test, vi } from 'vitest'
import { wrappedDialects } from './wrapped-dialects.ts'

const [first] = wrappedDialects
if (first === undefined) throw new Error('No dialect is wrapped on this runtime')

vi.stubEnv('WRAP_DIALECTS', '1')
vi.stubEnv('CONNECTORS', first.engine)
// Behind the environment, which the matrix reads once.
const { connectorNames, connectorTo } = await import('./matrix.ts')
await import('./repair.test.ts')
await import('./values.test.ts')
await import('./group-commit.test.ts')
vi.unstubAllEnvs()

test(`kyselyDialect() over ${first.name} is what the cases above ran over`, async () => {
  expect(connectorNames).toEqual([first.engine])
  expect((await connectorTo(first.engine, ':memory:')).name).toBe('kysely-dialect')
})
