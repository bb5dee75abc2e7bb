/**
 * What tables there are, for Kysely and the tools on it: without those of this library and of the database itself.
 *
 * @module
 */
import {
  type DatabaseMetadataOptions,
  type Kysely,
  type KyselyPlugin,
  OperationNodeTransformer,
  type QueryId,
  SqliteIntrospector,
  sql,
  type TableMetadata,
  type TableNode,
} from 'kysely'
import { ledgerTable } from '../pool/ledger.ts'
import { migrationLockTable } from '../transactions/migration-lock-row.ts'

const ownTables: ReadonlySet<string> = new Set([migrationLockTable, ledgerTable])

/** Hides the tables of this library where Kysely hides its own, and the database's own always. */
export class TableIntrospector extends SqliteIntrospector {
  /** @param reservedPrefix What the names of the database's own tables begin with. */
  constructor(db: Kysely<unknown>, reservedPrefix?: string) {
    super(reservedPrefix === undefined ? db : db.withPlugin(passOver(reservedPrefix)))
  }

  override async getTables(options?: DatabaseMetadataOptions): Promise<TableMetadata[]> {
    const tables = await super.getTables(options)
    return options?.withInternalKyselyTables ? tables : tables.filter(({ name }) => !ownTables.has(name))
  }
}

/** Not done with the answer: asking for the columns of such a table fails. */
function passOver(prefix: string): KyselyPlugin {
  const transformer = new SchemaTableTransformer(prefix)
  return {
    transformQuery: ({ node, queryId }) => transformer.transformNode(node, queryId),
    transformResult: async ({ result }) => result,
  }
}

/** Puts the visible part of the schema table in its place. */
class SchemaTableTransformer extends OperationNodeTransformer {
  readonly #prefix: string

  constructor(prefix: string) {
    super()
    this.#prefix = prefix
  }

  protected override transformTable(node: TableNode, queryId?: QueryId): TableNode {
    if (node.table.identifier.name !== 'sqlite_master') return super.transformTable(node, queryId)
    const { length } = this.#prefix
    const visible = sql`(select * from sqlite_master where substr(name, 1, ${sql.lit(length)}) <> ${this.#prefix})`
    // A table may stand wherever this one is asked for.
    return visible.as('sqlite_master').toOperationNode() as unknown as TableNode
  }
}
