/**
 * The checks that read the whole database.
 *
 * @module
 */
import type { Row } from '../values.ts'
import type { Examination } from './examination.ts'
import { failedCheck, recover } from './failed-check.ts'
import type { DoctorCheck } from './report.ts'

/** So many findings of one kind are listed. */
const maxExamples = 10
const maxCounted = 1000

/** Rows whose foreign key leads nowhere. */
export async function checkForeignKeys({ ask, scan }: Examination): Promise<DoctorCheck | undefined> {
  const name = 'foreign-keys'
  if (!scan) return undefined
  let rows: readonly Row[]
  try {
    rows = await ask(`select * from pragma_foreign_key_check limit ${maxCounted}`)
  } catch (error) {
    const failed = failedCheck(name, error)
    // What is left is a mismatch in the schema.
    return failed.severity === 'info' ? { ...failed, severity: 'warning', advice: mismatched } : failed
  }
  if (rows.length === 0) return { name, severity: 'ok', message: 'Every foreign key has its row' }
  const tables = new Map<string, number>()
  for (const { table, parent } of rows) {
    const relation = `${table} -> ${parent}`
    tables.set(relation, (tables.get(relation) ?? 0) + 1)
  }
  const count = rows.length === maxCounted ? `${maxCounted} or more` : String(rows.length)
  const relations = [...tables].map(([relation, rowCount]) => `${relation} (${rowCount})`)
  return {
    name,
    severity: 'warning',
    message: `${count} ${rows.length === 1 ? 'row refers' : 'rows refer'} to a row that does not exist: ${relations.slice(0, maxExamples).join(', ')}`,
    advice:
      'A program wrote them with foreign_keys = OFF, the default of SQLite and of bun:sqlite. PRAGMA foreign_key_check ' +
      'lists their rowids: insert the missing rows, or delete or null the keys; until then joins leave them out',
    details: { count: rows.length, examples: rows.slice(0, maxExamples) },
  }
}

const mismatched =
  'The columns that a foreign key refers to must be the PRIMARY KEY or UNIQUE; until then writes to these tables fail ' +
  'where foreign_keys is ON (https://www.sqlite.org/foreignkeys.html, 3)'

/** Whether the pages, rows and indexes hang together (https://www.sqlite.org/pragma.html#pragma_quick_check). */
export async function checkIntegrity({ ask, scan }: Examination): Promise<DoctorCheck | undefined> {
  const name = 'integrity'
  if (!scan) {
    return {
      name,
      severity: 'info',
      message: 'The content was not looked through: neither quick_check nor foreign_key_check ran',
    }
  }
  // One row may hold a hundred findings, below the name of the database.
  const lines = (await ask(`select * from pragma_quick_check limit ${maxExamples}`))
    .flatMap((row) => String(Object.values(row)[0]).split('\n'))
    .filter((line) => !line.startsWith('***'))
  if (lines.length === 1 && lines[0] === 'ok')
    return { name, severity: 'ok', message: 'quick_check found the database sound' }
  const more = lines.length > 3 ? `, and ${lines.length - 3} more` : ''
  return {
    name,
    severity: 'danger',
    message: `The database is damaged: quick_check says ${lines.slice(0, 3).join('; ')}${more}`,
    advice: recover,
    details: { lines },
  }
}
