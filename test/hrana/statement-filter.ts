/**
 * Which statements the server takes: sqld reads every text itself before SQLite sees it, and refuses what would touch the
 * file, the connection or another tenant. The lists were read from sqld 0.24.32, see README.md.
 *
 * @module
 */
import { SqlLexer, token } from '../../src/sql/lexer.ts'
import { createHeadOf, pragmaOf } from '../../src/sql/statement-head.ts'
import { type StatementScan, scanStatement } from '../../src/sql/statement-scan.ts'
import { HranaError } from './protocol.ts'

const withArgument: ReadonlySet<string> = new Set(
  `foreign_keys defer_foreign_keys user_version table_info table_xinfo table_list index_list index_info index_xinfo
  foreign_key_list foreign_key_check integrity_check quick_check`.split(/\s+/),
)

const withoutArgument: ReadonlySet<string> = new Set([
  ...withArgument,
  ...`journal_mode synchronous busy_timeout application_id database_list collation_list function_list module_list
  pragma_list compile_options data_version page_count freelist_count encoding schema_version cache_size temp_store
  mmap_size wal_autocheckpoint query_only page_size auto_vacuum locking_mode recursive_triggers stats max_page_count
  legacy_file_format threads secure_delete automatic_index analysis_limit`.split(/\s+/),
])

const refusedVerbs: ReadonlySet<string> = new Set(['VACUUM', 'ANALYZE', 'ATTACH'])

/** The single statement of an execute request or of a step. @throws {HranaError} If it is none, several or refused. */
export function oneStatement(sql: string): StatementScan {
  const statements = splitStatements(sql)
  if (statements.length === 0) {
    throw new HranaError('SQL_NO_STATEMENT', 'SQL string does not contain any statement')
  }
  if (statements.length > 1) {
    throw new HranaError('SQL_MANY_STATEMENTS', 'SQL string contains more than one statement')
  }
  return allowed(sql, sql)
}

/** The statements of a script. @throws {HranaError} If one of them is refused: then none has run. */
export function allStatements(script: string): readonly (StatementScan & { readonly sql: string })[] {
  return splitStatements(script).map((sql) => ({ ...allowed(sql, script), sql }))
}

function allowed(sql: string, given: string): StatementScan {
  const scan = scanned(sql)
  const pragma = scan.verb === 'PRAGMA' ? pragmaOf(sql, scan.subjectEnd) : undefined
  const isRefused =
    refusedVerbs.has(scan.verb) ||
    scan.create?.temporary === true ||
    (pragma !== undefined && !(pragma.assigns ? withArgument : withoutArgument).has(pragma.name))
  if (isRefused) throw parseError(`unsupported statement: ${given}`)
  return scan
}

function scanned(sql: string): StatementScan {
  try {
    return scanStatement(sql)
  } catch (error) {
    throw parseError((error as Error).message)
  }
}

/** What sqld's own parser says. */
export function parseError(reason: string): HranaError {
  return new HranaError('SQL_PARSE_ERROR', `SQL string could not be parsed: ${reason}`)
}

/** Cuts a script at its semicolons, but for those in the body of a trigger. Empty statements are left out. */
function splitStatements(script: string): string[] {
  const statements: string[] = []
  const lexer = new SqlLexer(script)
  let start = -1
  let isTrigger = false
  let tail = ''
  for (let kind = lexer.next(); kind !== token.end; kind = lexer.next()) {
    const isSemicolon = lexer.text() === ';'
    if (start === -1) {
      if (isSemicolon) continue
      start = lexer.start
      isTrigger = lexer.is('CREATE') && createHeadOf(script, lexer.end).object === 'TRIGGER'
    }
    if (isSemicolon && (!isTrigger || tail === ';END')) {
      statements.push(script.slice(start, lexer.start))
      start = -1
    }
    tail = isSemicolon ? ';' : tail === ';' && lexer.is('END') ? ';END' : ''
  }
  if (start !== -1) statements.push(script.slice(start))
  return statements
}
