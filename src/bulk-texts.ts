/**
 * The statements of one table that were made before: a verb on the same columns is compiled once, whoever repeats it.
 *
 * @module
 */
import type { TextOf } from './bulk-queries.ts'
import { type BulkTable, type BulkText, type BulkVerb, bulkText } from './bulk-sql.ts'

/** More texts than a program has; one that makes up sets of columns must not fill the memory. */
const maxTexts = 512

/** Keeps compiled statements. */
export class BulkTexts {
  readonly #table: BulkTable
  readonly #texts = new Map<string, BulkText>()

  constructor(table: BulkTable) {
    this.#table = table
  }

  /** The texts of one verb. */
  of(verb: BulkVerb): TextOf {
    const verbName = nameOf(verb)
    return (set, rowCount, integerColumns) => {
      const make = (): BulkText => bulkText(this.#table, verb, set.columns, rowCount, integerColumns)
      // A condition of the caller's may have other parameters the next time.
      return verbName === undefined
        ? make()
        : this.#remember(`${rowCount} ${verbName} ${set.columns.join()} ${integerColumns}`, make)
    }
  }

  #remember(name: string, make: () => BulkText): BulkText {
    const known = this.#texts.get(name)
    if (known !== undefined) return known
    const text = make()
    if (this.#texts.size >= maxTexts) this.#texts.clear()
    this.#texts.set(name, text)
    return text
  }
}

/** Tells two verbs apart; undefined if that cannot be told. */
function nameOf(verb: BulkVerb): string | undefined {
  return 'only' in verb && verb.only.where !== undefined ? undefined : JSON.stringify(verb)
}
