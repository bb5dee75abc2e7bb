/**
 * The contract cases that are run on the edge: those that need neither files nor a lock that somebody else holds, and
 * no transaction whose statements follow each other.
 *
 * @module
 */
import '../contract/batch.test.ts'
import '../contract/bulk.test.ts'
import '../contract/connection.test.ts'
import '../contract/kysely-plugins.test.ts'
import '../contract/kysely-queries.test.ts'
import '../contract/kysely-schema.test.ts'
import '../contract/migrations.test.ts'
import '../contract/prepare.test.ts'
import '../contract/repository.test.ts'
import '../contract/results.test.ts'
import '../contract/routing.test.ts'
import '../contract/routing-alone.test.ts'
import '../contract/rows.test.ts'
import '../contract/schema-changes.test.ts'
import '../contract/statements.test.ts'
import '../contract/storage.test.ts'
import '../contract/streams.test.ts'
import '../contract/values.test.ts'
import '../contract/write-behind.test.ts'
import './d1-cases.ts'

export { cases, runCase } from './case.ts'
