/**
 * The same case on `storage.db`, and on a Kysely that a program makes itself with the dialect.
 *
 * @module
 */
import { Kysely, type KyselyConfig, sql } from 'kysely'
import { UnbusyDialect } from 'unbusy'
import type { AnyDatabase, CaseContext, ContractCase } from './case.ts'
import { connectorTo } from './matrix.ts'

/** Makes a Kysely on the file of this case; what the case does not destroy is destroyed after it. */
export type MakeKysely = (config?: Pick<KyselyConfig, 'plugins' | 'log'>) => Promise<Kysely<AnyDatabase>>

export type KyselyCase = (make: MakeKysely, context: CaseContext) => Promise<void>

/** Two cases. */
export function onEachKysely(name: string, run: KyselyCase): ContractCase[] {
  return [onStorage(name, run), onPlainKysely(name, run)]
}

export function onStorage(name: string, run: KyselyCase): ContractCase {
  return {
    name: `${name} (storage.db)`,
    run: (context) => run(async (config) => (await context.open(config)).db, context),
  }
}

export function onPlainKysely(name: string, run: KyselyCase): ContractCase {
  return {
    name: `${name} (new Kysely({ dialect }))`,
    async run(context) {
      const made: Kysely<AnyDatabase>[] = []
      const make: MakeKysely = async (config) => {
        const connector = await connectorTo(context.connector, context.path)
        const kysely = new Kysely<AnyDatabase>({
          dialect: new UnbusyDialect({ connector, onWarning: () => {} }),
          ...config,
        })
        made.push(kysely)
        return kysely
      }
      try {
        await run(make, context)
      } finally {
        for (const each of made) await each.destroy()
      }
    },
  }
}

/** The tables of Kysely's documentation: two people, three pets. */
export async function createPeople(db: Kysely<AnyDatabase>): Promise<void> {
  await db.schema
    .createTable('person')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('first_name', 'text', (column) => column.notNull())
    .addColumn('last_name', 'text')
    .addColumn('age', 'integer')
    .execute()
  await db.schema
    .createTable('pet')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('owner_id', 'integer', (column) =>
      column.references('person.id').onDelete('cascade').notNull(),
    )
    .addColumn('name', 'text', (column) => column.unique().notNull())
    .addColumn('species', 'text')
    .addColumn('is_favorite', 'integer', (column) => column.defaultTo(0))
    .execute()
  await db
    .insertInto('person')
    .values([
      { first_name: 'Jennifer', last_name: 'Aniston', age: 40 },
      { first_name: 'Arnold', last_name: 'Schwarzenegger', age: 77 },
    ])
    .execute()
  await sql`insert into pet (owner_id, name, species, is_favorite) values (1, 'Catto', 'cat', 1), (1, 'Doggo', 'dog', 0), (2, 'Hammo', 'hamster', 0)`.execute(
    db,
  )
}

/** The first names, by id. */
export async function firstNames(db: Kysely<AnyDatabase>): Promise<string[]> {
  const rows = await db.selectFrom('person').select('first_name').orderBy('id').execute()
  return rows.map(({ first_name }) => first_name)
}
