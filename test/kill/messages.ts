/**
 * What a process that is going to be killed tells its parent, in lines. What the parent has read is acknowledged.
 *
 * @module
 */

/** The ways into the database that are driven. */
export type Path = 'write' | 'batch' | 'transaction' | 'append' | 'usage' | 'presence' | 'sliced' | 'atomic'

/** Rows of one upsert: three chunks, so that a kill falls between two of them. */
export const upsertRows = 2_500
/** What the bulk verbs write with one statement. */
export const chunkRows = 1_000
/** Parts of one batch, and of one transaction. */
export const unitParts = 3
/** Rows that the first version of the schema has, before the migration rebuilds its table. */
export const seededRows = 300
/** Usage rows that each process sends again on behalf of the one before it. */
export const repeatedUsage = 20

/** One unit of the log, as it is stored. */
export interface StoredUnit {
  readonly writer: number
  readonly path: Path
  readonly n: number
  readonly parts: number
  readonly distinctParts: number
}

/** The versions of one chunk of upserted rows. */
export interface StoredChunk {
  readonly writer: number
  readonly path: Path
  readonly chunk: number
  readonly lowest: number
  readonly highest: number
  readonly rows: number
}

/** Everything that is stored, as a process finds it when it has opened the database. */
export interface Found {
  readonly integrity: string
  readonly seeded: number
  readonly units: readonly StoredUnit[]
  readonly counters: Readonly<Record<string, number>>
  readonly chunks: readonly StoredChunk[]
  readonly presence: readonly { readonly key: string; readonly version: number }[]
  readonly usage: readonly { readonly key: string; readonly writer: number }[]
}

/** One line. */
export type Message =
  | readonly ['opening' | 'migrating' | 'closing']
  | readonly ['found', Found]
  | readonly ['done', Path, n: number]
  | readonly ['closed', lost: number]
