/**
 * Reads what stands behind the first keyword of the statements that need more than it: CREATE, PRAGMA, and
 * the statements that control transactions. They are rare, so this goes over their first tokens again.
 *
 * @module
 */
import { SqlLexer, token } from './lexer.ts'

/** What a raw BEGIN, COMMIT, ROLLBACK, SAVEPOINT or RELEASE does. */
export interface TransactionControl {
  /** COMMIT and END are both `commit`. */
  readonly action: 'begin' | 'commit' | 'rollback' | 'savepoint' | 'release' | 'rollback to'
  /** The mode that a BEGIN names; absent when it names none, which SQLite takes for `deferred`. */
  readonly mode?: 'deferred' | 'immediate' | 'exclusive'
  /** The savepoint. SQLite compares it without regard to case. */
  readonly name?: string
}

/** Which pragma a PRAGMA statement names, and whether it gives it a value. */
export interface PragmaUse {
  /** In lower case, without the schema. */
  readonly name: string
  /** For `= value` and for `(value)`, which SQLite takes for the same thing. */
  readonly assigns: boolean
}

/** What a CREATE creates, as far as it matters. */
export interface CreateHead {
  /** TABLE, VIEW, INDEX, TRIGGER or VIRTUAL. */
  readonly object: string
  /** Said by TEMP or TEMPORARY, or by a name in the schema `temp`. */
  readonly temporary: boolean
}

const dot = 46
const equals = 61
const openParenthesis = 40

const modes = { DEFERRED: 'deferred', IMMEDIATE: 'immediate', EXCLUSIVE: 'exclusive' } as const

/** Reads `CREATE …` from behind the word CREATE. */
export function createHeadOf(sql: string, from: number): CreateHead {
  const lexer = new SqlLexer(sql, from)
  let kind = lexer.next()
  let temporary = false
  if (isWord(lexer, kind, 'TEMP') || isWord(lexer, kind, 'TEMPORARY')) {
    temporary = true
    kind = lexer.next()
  }
  if (isWord(lexer, kind, 'UNIQUE')) kind = lexer.next()
  const object = kind === token.word ? lexer.keyword() : ''
  kind = lexer.next()
  if (isWord(lexer, kind, 'TABLE')) kind = lexer.next()
  if (isWord(lexer, kind, 'IF')) {
    // IF NOT EXISTS; a table may be called `if`, and then no NOT follows.
    kind = lexer.next()
    if (isWord(lexer, kind, 'NOT')) {
      lexer.next()
      kind = lexer.next()
    }
  }
  const inTempSchema = isName(kind) && lexer.name().toLowerCase() === 'temp' && lexer.next() === dot
  return { object, temporary: temporary || inTempSchema }
}

/** Reads `PRAGMA …` from behind the word PRAGMA. */
export function pragmaOf(sql: string, from: number): PragmaUse {
  const lexer = new SqlLexer(sql, from)
  let name = isName(lexer.next()) ? lexer.name() : ''
  let kind = lexer.next()
  if (kind === dot) {
    name = isName(lexer.next()) ? lexer.name() : ''
    kind = lexer.next()
  }
  return { name: name.toLowerCase(), assigns: kind === equals || kind === openParenthesis }
}

/** Reads a statement that controls transactions; `verb` is its first keyword, `from` the place behind it. */
export function controlOf(sql: string, from: number, verb: string): TransactionControl {
  const lexer = new SqlLexer(sql, from)
  let kind = lexer.next()
  if (verb === 'BEGIN') {
    const mode = kind === token.word ? lexer.keyword() : ''
    return Object.hasOwn(modes, mode)
      ? { action: 'begin', mode: modes[mode as keyof typeof modes] }
      : { action: 'begin' }
  }
  if (verb === 'COMMIT' || verb === 'END') return { action: 'commit' }
  if (verb === 'SAVEPOINT') return named('savepoint', lexer, kind)
  if (verb === 'ROLLBACK') {
    // ROLLBACK [TRANSACTION [name]] [TO [SAVEPOINT] name]
    while (kind !== token.end && !isWord(lexer, kind, 'TO')) kind = lexer.next()
    if (kind === token.end) return { action: 'rollback' }
    kind = lexer.next()
  }
  if (isWord(lexer, kind, 'SAVEPOINT')) kind = lexer.next()
  return named(verb === 'RELEASE' ? 'release' : 'rollback to', lexer, kind)
}

function named(action: TransactionControl['action'], lexer: SqlLexer, kind: number): TransactionControl {
  return isName(kind) ? { action, name: lexer.name() } : { action }
}

function isWord(lexer: SqlLexer, kind: number, keyword: string): boolean {
  return kind === token.word && lexer.is(keyword)
}

function isName(kind: number): boolean {
  return kind === token.word || kind === token.quotedName || kind === token.string
}
