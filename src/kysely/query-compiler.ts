/**
 * Kysely's compiler for SQLite, which remembers the text of the commonest small write: one row of plain values. Without
 * that, compiling is a sixth of such an insert when 64 callers share a commit.
 *
 * @module
 */
import {
  type CompiledQuery,
  type InsertQueryNode,
  type RootOperationNode,
  SqliteQueryCompiler,
  type ValuesNode,
} from 'kysely'

type QueryId = Parameters<SqliteQueryCompiler['compileQuery']>[1]

/** The text of an insert into one table. */
interface InsertText {
  readonly columns: readonly string[]
  readonly sql: string
}

/** One row of plain values. */
interface PlainRow {
  readonly table: string
  readonly columns: Columns
  readonly values: readonly unknown[]
}

type Columns = NonNullable<InsertQueryNode['columns']>

/** A program has few; one that makes up names must not fill the memory. */
const maxTables = 256
const maxTextsPerTable = 16

/** Compiles as Kysely does, to the letter. */
export class UnbusyQueryCompiler extends SqliteQueryCompiler {
  readonly #textsByTable = new Map<string, InsertText[]>()

  override compileQuery(node: RootOperationNode, queryId: QueryId): CompiledQuery {
    const row = plainRowOf(node)
    if (row === undefined) return super.compileQuery(node, queryId)
    const known = this.#textsByTable.get(row.table)?.find(({ columns }) => areNamed(row.columns, columns))
    if (known === undefined) return this.#remember(row, super.compileQuery(node, queryId))
    return Object.freeze({ query: node, queryId, sql: known.sql, parameters: [...row.values] })
  }

  #remember({ table, columns }: PlainRow, compiled: CompiledQuery): CompiledQuery {
    const texts = this.#textsByTable.get(table) ?? []
    if (this.#textsByTable.size >= maxTables || texts.length >= maxTextsPerTable) return compiled
    texts.push({ columns: columns.map(({ column }) => column.name), sql: compiled.sql })
    this.#textsByTable.set(table, texts)
    return compiled
  }
}

/** What a plain insert has: anything else of a node is somebody else's business. */
const plainParts: ReadonlySet<string> = new Set(['kind', 'into', 'columns', 'values'])

function plainRowOf(node: RootOperationNode): PlainRow | undefined {
  if (node.kind !== 'InsertQueryNode') return undefined
  for (const part in node) {
    if (!plainParts.has(part) && node[part as keyof InsertQueryNode] !== undefined) return undefined
  }
  const { into, columns, values } = node
  if (into?.kind !== 'TableNode' || into.table.schema !== undefined || columns === undefined) return undefined
  if (values?.kind !== 'ValuesNode') return undefined
  const [row, second] = (values as ValuesNode).values
  if (row?.kind !== 'PrimitiveValueListNode' || second !== undefined) return undefined
  return { table: into.table.identifier.name, columns, values: row.values }
}

function areNamed(columns: Columns, names: readonly string[]): boolean {
  if (columns.length !== names.length) return false
  for (let index = 0; index < names.length; index++) {
    if (columns[index]?.column.name !== names[index]) return false
  }
  return true
}
