/**
 * The statements of one table that were made before: a verb on the same columns is compiled once, whoever repeats it.
 *
 * @module
 */
import { ConfigError } from '../errors.ts'
import { type ColumnSet, ColumnSets } from './columns.ts'
import type { TextOf } from './queries.ts'
import { type BulkTable, type BulkText, type BulkVerb, bulkText, requiredBy } from './sql.ts'

/** More than a program has; one that makes up verbs, sets of columns or mixtures of types must not fill the memory. */
const maxVerbs = 64
const maxSets = 512
const maxTextsOfSet = 64

/** What is kept of one verb. */
export interface VerbTexts {
  readonly columns: ColumnSets
  readonly textOf: TextOf
}

/** Keeps compiled statements. */
export class BulkTexts {
  readonly #table: BulkTable
  readonly #verbs = new Map<string, VerbTexts>()

  constructor(table: BulkTable) {
    this.#table = table
  }

  /** The columns and texts of one verb. */
  of(verb: BulkVerb): VerbTexts {
    const name = nameOf(verb)
    const known = name === undefined ? undefined : this.#verbs.get(name)
    if (known !== undefined && known.columns.size <= maxSets) return known
    const made = textsOf(this.#table, verb)
    if (name === undefined) return made
    if (this.#verbs.size >= maxVerbs) this.#verbs.clear()
    this.#verbs.set(name, made)
    return made
  }
}

function textsOf(table: BulkTable, verb: BulkVerb): VerbTexts {
  const { name, key } = table
  // Nobody could tell the given rows from those that are stored.
  if ('only' in verb && name.toLowerCase() === 'excluded')
    throw new ConfigError(
      `Cannot ${verb.name} rows of ${name} as SQLite calls the given rows so: rename the table`,
    )
  const textsOfSet = new WeakMap<ColumnSet, Map<number, BulkText>>()
  return {
    columns: new ColumnSets({ table: name, key, required: requiredBy(verb, key) }),
    textOf(set, rowCount, integerColumns = 0) {
      let texts = textsOfSet.get(set)
      if (texts === undefined || texts.size >= maxTextsOfSet) {
        texts = new Map()
        textsOfSet.set(set, texts)
      }
      const shape = rowCount === 'json' ? 0 : rowCount + integerColumns * 2 ** 16
      const known = texts.get(shape)
      if (known !== undefined) return known
      const text = bulkText(table, verb, set.columns, rowCount, integerColumns)
      texts.set(shape, text)
      return text
    },
  }
}

/** Tells two verbs apart; undefined for one with a condition of the caller's, which may have other parameters next time. */
function nameOf(verb: BulkVerb): string | undefined {
  if ('only' in verb && verb.only.where !== undefined) return undefined
  // The one of every flush, which has no time for JSON.
  return verb.name === 'update' && verb.only.onlyIfGreater === undefined ? 'update' : JSON.stringify(verb)
}
