/**
 * Brings the schema up to date. Several servers may start at once: the storage's migration lock lets one of them work.
 *
 * @module
 */
import { type Kysely, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import type { Database } from './schema.ts'

const migrations: Readonly<Record<string, Migration>> = {
  '001_machines_sessions_usage': { up: createTables },
}

/**
 * Runs what is pending. A database that is up to date is only read: a start must not need the write lock.
 *
 * @throws {Error} If a migration fails; those before it stay applied.
 */
export async function migrate(db: Kysely<Database>): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...migrations }) } })
  const known = await migrator.getMigrations()
  if (known.every(({ executedAt }) => executedAt !== undefined)) return
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
}

// STRICT: what is not of the column's type is refused, on every driver.
async function createTables(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('machine')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('metadata', 'text', (column) => column.notNull())
    .addColumn('metadata_version', 'integer', (column) => column.notNull())
    .addColumn('daemon_state', 'text')
    .addColumn('daemon_state_version', 'integer', (column) => column.notNull())
    .addColumn('data_encryption_key', 'text')
    .addColumn('seq', 'integer', (column) => column.notNull())
    .addColumn('active', 'integer', (column) => column.notNull())
    .addColumn('last_active_at', 'integer', (column) => column.notNull())
    .addColumn('revoked_at', 'integer')
    .addColumn('created_at', 'integer', (column) => column.notNull())
    .addColumn('updated_at', 'integer', (column) => column.notNull())
    .modifyEnd(sql`strict`)
    .execute()

  await db.schema
    .createTable('session')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('tag', 'text', (column) => column.notNull().unique())
    .addColumn('seq', 'integer', (column) => column.notNull())
    .addColumn('metadata', 'text', (column) => column.notNull())
    .addColumn('metadata_version', 'integer', (column) => column.notNull())
    .addColumn('agent_state', 'text')
    .addColumn('agent_state_version', 'integer', (column) => column.notNull())
    .addColumn('active', 'integer', (column) => column.notNull())
    .addColumn('last_active_at', 'integer', (column) => column.notNull())
    .addColumn('ended_at', 'integer')
    .addColumn('created_at', 'integer', (column) => column.notNull())
    .addColumn('updated_at', 'integer', (column) => column.notNull())
    .modifyEnd(sql`strict`)
    .execute()
  await db.schema.createIndex('session_by_update').on('session').columns(['updated_at', 'id']).execute()
  await db.schema.createIndex('session_by_creation').on('session').columns(['created_at', 'id']).execute()
  // Every heartbeat moves its entry, so it holds the few sessions that can still have one.
  const openSession = sql<boolean>`ended_at is null`
  await db.schema
    .createIndex('session_open')
    .on('session')
    .column('last_active_at')
    .where(openSession)
    .execute()

  await db.schema
    .createTable('usage_report')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('session_id', 'text', (column) => column.notNull().references('session.id'))
    .addColumn('key', 'text', (column) => column.notNull())
    .addColumn('tokens', 'text', (column) => column.notNull())
    .addColumn('cost', 'text', (column) => column.notNull())
    .addColumn('created_at', 'integer', (column) => column.notNull())
    .addColumn('updated_at', 'integer', (column) => column.notNull())
    .addUniqueConstraint('usage_report_key', ['session_id', 'key'])
    .modifyEnd(sql`strict`)
    .execute()
  await db.schema.createIndex('usage_report_by_creation').on('usage_report').column('created_at').execute()

  await db.schema
    .createTable('usage_event')
    .addColumn('external_key', 'text', (column) => column.primaryKey().notNull())
    .addColumn('session_id', 'text', (column) => column.notNull().references('session.id'))
    .addColumn('tokens', 'text', (column) => column.notNull())
    .addColumn('cost', 'text', (column) => column.notNull())
    .addColumn('time', 'integer', (column) => column.notNull())
    .modifyEnd(sql`strict`)
    .execute()
  await db.schema.createIndex('usage_event_by_time').on('usage_event').column('time').execute()
}
