/**
 * Goes once over the tokens of a SQL text: that it is one statement, which keyword it begins with, what its
 * parameters are, and the few things behind the first keyword that decide where it may run.
 *
 * @module
 */
import { InvalidStatementError } from '../errors.ts'
import { SqlLexer, token } from './lexer.ts'
import { ParameterRewriter, type PlainParameters } from './parameters.ts'
import { type CreateHead, createHeadOf } from './statement-head.ts'

/** What was seen in the text of one statement. */
export interface StatementScan {
  /** The first keyword in upper case, behind WITH that of the statement proper; empty if there is none. */
  readonly verb: string
  /** The first keyword, but for EXPLAIN that of what it explains. */
  readonly subject: string
  /** Where the subject ends in the given text; for the statements that `statement-head.ts` reads. */
  readonly subjectEnd: number
  /** The beginning of a CREATE, explained or not. */
  readonly create: CreateHead | undefined
  /** RETURNING stands outside every parenthesis. */
  readonly returning: boolean
  /** UPDATE does so, as the verb or in ON CONFLICT … DO UPDATE. */
  readonly updates: boolean
  /** The first call of `last_insert_rowid()`, `changes()` or `total_changes()`. */
  readonly connectionFunction: string | undefined
  readonly parameters: PlainParameters
}

/** A `;` ends a statement, but a CREATE TRIGGER only behind `; END` (`sqlite3_complete()` in complete.c). */
type Boundary = 'plain' | 'trigger' | 'trigger ;' | 'trigger ; end' | 'ended'

const [openParenthesis, closeParenthesis, star, semicolon] = [40, 41, 42, 59] as const

const verbsBehindWith: ReadonlySet<string> = new Set([
  'SELECT',
  'VALUES',
  'INSERT',
  'UPDATE',
  'DELETE',
  'REPLACE',
])
const connectionFunctions: ReadonlySet<string> = new Set(['changes', 'total_changes', 'last_insert_rowid'])

/**
 * Scans one statement.
 *
 * @throws {InvalidStatementError} If the text is not one statement, or its parameters cannot be counted.
 */
export function scanStatement(sql: string): StatementScan {
  if (sql.includes('\0')) throw refused('it has U+0000 in it, where SQLite would cut it off')
  const lexer = new SqlLexer(sql)
  let kind = lexer.next()
  while (kind === semicolon) kind = lexer.next()
  if (kind === token.end) throw refused('there is no statement in it: it is empty or a comment')

  let verb = kind === token.word ? lexer.keyword() : ''
  const { subject, subjectEnd } =
    verb === 'EXPLAIN' ? explained(lexer) : { subject: verb, subjectEnd: lexer.end }
  const create = subject === 'CREATE' ? createHeadOf(sql, subjectEnd) : undefined
  let boundary: Boundary = create?.object === 'TRIGGER' ? 'trigger' : 'plain'
  let depth = 0
  let returning = false
  let updates = false
  let connectionFunction: string | undefined
  let plainParameters = 0
  let rewriter: ParameterRewriter | undefined

  for (let previous = -1; kind !== token.end; previous = kind, kind = lexer.next()) {
    if (kind === semicolon || boundary !== 'plain') boundary = boundaryBehind(boundary, kind, lexer)
    switch (kind) {
      case openParenthesis:
        depth++
        break
      case closeParenthesis:
        depth--
        break
      case token.word:
        if (depth === 0) {
          // The body of a CTE ends with `)`. So does its list of columns, but what follows that is AS.
          if (verb === 'WITH' && previous === closeParenthesis) verb = verbBehindWith(lexer)
          // SQLite takes neither of these words for a name.
          if (lexer.is('RETURNING')) returning = true
          if (lexer.is('UPDATE')) updates = true
        }
        connectionFunction ??= connectionFunctionAt(lexer)
        break
      case token.quotedName:
        connectionFunction ??= connectionFunctionAt(lexer)
        break
      case token.parameter:
        if (rewriter === undefined && lexer.end - lexer.start === 1) plainParameters++
        else {
          rewriter ??= new ParameterRewriter(sql, plainParameters)
          rewriter.add(lexer.start, lexer.end)
        }
        break
      case token.illegal:
        // Such a text may hold any number of parameters: a wrong number would hide SQLite's own error.
        throw unknownToken(lexer)
    }
  }

  const parameters = rewriter?.result() ?? {
    sql,
    parameterCount: plainParameters,
    parameterOrder: undefined,
  }
  return { verb, subject, subjectEnd, create, returning, updates, connectionFunction, parameters }
}

function boundaryBehind(boundary: Boundary, kind: number, lexer: SqlLexer): Boundary {
  if (kind === semicolon) return boundary === 'trigger' || boundary === 'trigger ;' ? 'trigger ;' : 'ended'
  if (boundary === 'ended') {
    throw refused(
      'there is more than one statement in it: each needs a call of its own, or batch() takes them all',
    )
  }
  return boundary === 'trigger ;' && kind === token.word && lexer.is('END') ? 'trigger ; end' : 'trigger'
}

/** EXPLAIN, or EXPLAIN QUERY PLAN, and then the statement. */
function explained(lexer: SqlLexer): { subject: string; subjectEnd: number } {
  const ahead = new SqlLexer(lexer.sql, lexer.end)
  let kind = ahead.next()
  if (kind === token.word && ahead.is('QUERY')) {
    ahead.next()
    kind = ahead.next()
  }
  return { subject: kind === token.word ? ahead.keyword() : '', subjectEnd: ahead.end }
}

function verbBehindWith(lexer: SqlLexer): string {
  const word = lexer.keyword()
  return verbsBehindWith.has(word) ? word : 'WITH'
}

/** None of them takes an argument: `changes (id)` is a column of a table, and tables are called so. */
function connectionFunctionAt(lexer: SqlLexer): string | undefined {
  // Every word goes here: its length, with or without quotes, sorts nearly all of them out at no cost.
  switch (lexer.end - lexer.start) {
    case 7:
    case 9:
    case 13:
    case 15:
    case 17:
    case 19: {
      const ahead = new SqlLexer(lexer.sql, lexer.end)
      if (ahead.next() !== openParenthesis) return undefined
      const inside = ahead.next()
      if ((inside === star ? ahead.next() : inside) !== closeParenthesis) return undefined
      const name = lexer.name().toLowerCase()
      return connectionFunctions.has(name) ? name : undefined
    }
    default:
      return undefined
  }
}

function refused(reason: string): InvalidStatementError {
  return new InvalidStatementError(`Cannot run the SQL text as ${reason}`)
}

function unknownToken({ sql, start }: SqlLexer): InvalidStatementError {
  const what = `the ${sql.charAt(start)} at offset ${start} begins no token`
  return refused(`${what}: quotes must be closed, parameters must have names`)
}
