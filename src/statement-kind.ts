/**
 * Says from its text what a statement is, so that the core knows where it goes without preparing it:
 * preparing a PRAGMA already applies it, and what prepared statements say of themselves is wrong for BEGIN,
 * ATTACH and EXPLAIN.
 *
 * @module
 */
import { controlOf, type PragmaUse, pragmaOf, type TransactionControl } from './sql/statement-head.ts'
import { type StatementScan, scanStatement } from './sql/statement-scan.ts'

/**
 * Where a statement goes: `read` to a reader; `write` to the queue; `alone` to the writer, outside every
 * transaction and never grouped; `control` only where somebody owns the transaction that it begins or ends.
 */
export type StatementKind = 'read' | 'write' | 'alone' | 'control'

/** What the text of one statement tells. */
export interface StatementShape {
  readonly kind: StatementKind
  /** The text with every parameter as a plain `?`; the given text itself when it has no others. */
  readonly sql: string
  /** How many values the caller passes: the highest number that SQLite gives to a parameter. */
  readonly parameterCount: number
  /** Which of the caller's values each `?` of `sql` takes, from 0; absent when they come in their order. */
  readonly parameterOrder?: readonly number[]
  /** The first keyword in upper case, behind WITH that of the statement proper; empty if there is none. */
  readonly verb: string
  /** An INSERT, REPLACE, UPDATE or DELETE with a RETURNING clause. */
  readonly returning: boolean
  /** An UPDATE, or an INSERT that may update instead: ON CONFLICT … DO UPDATE. */
  readonly updates: boolean
  /** It creates or attaches what other connections cannot see: CREATE TEMP, `CREATE … temp.name`, ATTACH. */
  readonly temporary: boolean
  /** It calls `last_insert_rowid`, `changes` or `total_changes`, which speak of their own connection. */
  readonly connectionFunction?: string
  /** What it does to a transaction; present for the kind `control`. */
  readonly control?: TransactionControl
  /** The pragma that it runs. EXPLAIN PRAGMA has one too: SQLite applies it all the same. */
  readonly pragma?: PragmaUse
}

const kindOfVerb: ReadonlyMap<string, StatementKind> = new Map<string, StatementKind>([
  ...['SELECT', 'VALUES', 'EXPLAIN'].map((verb) => [verb, 'read'] as const),
  ...['INSERT', 'REPLACE', 'UPDATE', 'DELETE'].map((verb) => [verb, 'write'] as const),
  ...['CREATE', 'DROP', 'ALTER', 'ANALYZE', 'REINDEX'].map((verb) => [verb, 'write'] as const),
  ...['BEGIN', 'COMMIT', 'END', 'ROLLBACK', 'SAVEPOINT', 'RELEASE'].map((verb) => [verb, 'control'] as const),
])

/** Two generations instead of an exact LRU: a hit costs one look-up, and the last texts are always there. */
class Generations {
  readonly #size: number
  #young = new Map<string, StatementShape>()
  #old = new Map<string, StatementShape>()

  constructor(size: number) {
    this.#size = size
  }

  shapeOf(sql: string): StatementShape {
    const known = this.#young.get(sql)
    if (known !== undefined) return known
    const shape = this.#old.get(sql) ?? shapeOfScan(sql, scanStatement(sql))
    if (this.#young.size === this.#size) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(sql, shape)
    return shape
  }
}

const texts = new Generations(256)
/** Of those that are worth it there are few: each writes a thousand rows. */
const longTexts = new Generations(16)
const longText = 8 * 1024
const longestKept = 64 * 1024

/**
 * Tells what one SQL text is, without preparing it. The answer is shared by all who ask for the same text.
 *
 * @throws {InvalidStatementError} If the text is empty, has more than one statement or U+0000 in it, or has
 *   a parameter or an open quote that SQLite cannot read, so that its parameters cannot be counted.
 * @example
 * ```ts
 * const shape = shapeOf('with t as (select 1) insert into log select :who returning id')
 * shape.kind // 'write'
 * shape.verb // 'INSERT'
 * shape.returning // true
 * shape.sql // 'with t as (select 1) insert into log select ? returning id'
 * ```
 */
export function shapeOf(sql: string): StatementShape {
  if (sql.length < longText) return texts.shapeOf(sql)
  return sql.length < longestKept ? longTexts.shapeOf(sql) : shapeOfScan(sql, scanStatement(sql))
}

function shapeOfScan(sql: string, scan: StatementScan): StatementShape {
  const { verb, subject, subjectEnd, create, connectionFunction, parameters } = scan
  const runsPragma = subject === 'PRAGMA'
  const kind = runsPragma ? 'alone' : (kindOfVerb.get(verb) ?? 'alone')
  const shape: { -readonly [Key in keyof StatementShape]: StatementShape[Key] } = {
    kind,
    sql: parameters.sql,
    parameterCount: parameters.parameterCount,
    verb,
    returning: scan.returning && changesRows(verb),
    updates: scan.updates,
    temporary: verb === 'ATTACH' || (verb === 'CREATE' && create?.temporary === true),
  }
  if (parameters.parameterOrder !== undefined) shape.parameterOrder = parameters.parameterOrder
  // A trigger or a view only stores the call, EXPLAIN only shows it.
  const calls = verb !== 'EXPLAIN' && create?.object !== 'TRIGGER' && create?.object !== 'VIEW'
  if (connectionFunction !== undefined && calls) shape.connectionFunction = connectionFunction
  if (kind === 'control') shape.control = controlOf(sql, subjectEnd, verb)
  if (runsPragma) shape.pragma = pragmaOf(sql, subjectEnd)
  return shape
}

/** Whether a statement with this verb answers how many rows it changed, and can have a RETURNING clause. */
export function changesRows(verb: string): boolean {
  return verb === 'INSERT' || verb === 'UPDATE' || verb === 'DELETE' || verb === 'REPLACE'
}
