/**
 * The contract cases that are run inside workerd on a libSQL server: those of the tier, with their transactions. What is
 * of the core's queue alone, and says nothing of an isolate, is left to Node.
 *
 * @module
 */
import '../contract/abort.test.ts'
import '../contract/batch.test.ts'
import '../contract/begin.test.ts'
import '../contract/connection.test.ts'
import '../contract/group-commit.test.ts'
import '../contract/integers.test.ts'
import '../contract/kysely-controlled.test.ts'
import '../contract/kysely-log.test.ts'
import '../contract/kysely-plugins.test.ts'
import '../contract/kysely-queries.test.ts'
import '../contract/kysely-schema.test.ts'
import '../contract/kysely-transactions.test.ts'
import '../contract/late-queries.test.ts'
import '../contract/no-hang.test.ts'
import '../contract/outer-write.test.ts'
import '../contract/prepare.test.ts'
import '../contract/raw-transactions.test.ts'
import '../contract/readers.test.ts'
import '../contract/repository.test.ts'
import '../contract/results.test.ts'
import '../contract/routing.test.ts'
import '../contract/routing-alone.test.ts'
import '../contract/rows.test.ts'
import '../contract/schema-changes.test.ts'
import '../contract/statements.test.ts'
import '../contract/storage.test.ts'
import '../contract/values.test.ts'
import '../contract/write-behind.test.ts'

export { cases, runCase } from './case.ts'
