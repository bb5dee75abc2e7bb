/**
 * What a session sets with PRAGMA on the connection that it holds ends with the session: the next caller must not write
 * without its CHECK constraints. The pragmas of `pragmas.ts` are set anew; of the others it is remembered what they were.
 *
 * @module
 */
import type { Connector, MaybePromise, Statement, StatementResult } from '../connector.ts'
import type { PragmaUse } from '../sql/statement-head.ts'
import type { SqlValue } from '../values.ts'

/** Those that belong to a connection and not to the file, and that do nothing but answer when they are asked. */
const ofConnection: ReadonlySet<string> = new Set(
  (
    'analysis_limit automatic_index cache_size cache_spill case_sensitive_like cell_size_check ' +
    'checkpoint_fullfsync count_changes defer_foreign_keys full_column_names fullfsync ignore_check_constraints ' +
    'legacy_alter_table max_page_count mmap_size read_uncommitted recursive_triggers reverse_unordered_selects ' +
    'secure_delete short_column_names threads trusted_schema writable_schema'
  ).split(' '),
)

/** Runs a statement on the connection that the session holds. */
type Run = (statement: Statement) => MaybePromise<StatementResult>

/** The pragmas that one session has set. */
export class SessionPragmas {
  readonly #before = new Map<string, SqlValue>()
  readonly #isRemote: boolean
  #areSet = false

  constructor({ capabilities }: Connector) {
    this.#isRemote = capabilities.remote === true
  }

  /** Whether a statement has set one. */
  get areSet(): boolean {
    return this.#areSet
  }

  /** Called before a statement sets one. */
  async note({ name }: PragmaUse, run: Run): Promise<void> {
    // Those of a server are the server's, and what it lets a transaction set ends with the transaction.
    if (this.#isRemote) return
    this.#areSet = true
    if (!ofConnection.has(name) || this.#before.has(name)) return
    // The one that tells nothing: it exchanges the function.
    const isLike = name === 'case_sensitive_like'
    const { rows } = await run(plain(isLike ? "SELECT 'a' NOT LIKE 'A'" : `PRAGMA ${name}`))
    // Some answer nothing where there is nothing to set, such as mmap_size of a database in memory.
    for (const row of rows) this.#before.set(name, Object.values(row)[0] as SqlValue)
  }

  /** Sets back what the session has set. */
  async restore(run: Run): Promise<void> {
    for (const [name, value] of this.#before) await run(plain(`PRAGMA ${name} = ${value}`))
  }
}

function plain(sql: string): Statement {
  return { sql, parameters: [], kind: 'alone', cacheable: false }
}
