/**
 * What tables there are, for Kysely and the tools on it. Few programs ask: the answer is loaded with the question.
 *
 * @module
 */
import type {
  DatabaseIntrospector,
  DatabaseMetadataOptions,
  Kysely,
  SchemaMetadata,
  TableMetadata,
} from 'kysely'

/** Passes questions on. */
export class UnbusyIntrospector implements DatabaseIntrospector {
  readonly #load: () => Promise<DatabaseIntrospector>

  /** @param reservedPrefix What the names of the database's own tables begin with. */
  constructor(db: Kysely<unknown>, reservedPrefix?: string) {
    this.#load = async () => {
      const { TableIntrospector } = await import('./table-introspector.ts')
      return new TableIntrospector(db, reservedPrefix)
    }
  }

  async getSchemas(): Promise<SchemaMetadata[]> {
    return (await this.#load()).getSchemas()
  }

  async getTables(options?: DatabaseMetadataOptions): Promise<TableMetadata[]> {
    return (await this.#load()).getTables(options)
  }
}
