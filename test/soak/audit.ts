/**
 * Compares what is stored with what was acknowledged while the load goes on, and deletes what was compared, so that a
 * long run neither grows the file nor remembers more than a few seconds.
 *
 * @module
 */
import { sql } from 'kysely'
import type { Storage } from 'unbusy'

/** The books of one process. */
export class Audit {
  // biome-ignore lint/suspicious/noExplicitAny: the tables are those of deeds.ts
  readonly #storage: Storage<any>
  readonly #writer: number
  /** How many rows each unit that has ended must have. */
  #ended = new Map<number, number>()
  #count = 0
  #verified = 0
  readonly #wrong: string[] = []

  // biome-ignore lint/suspicious/noExplicitAny: the tables are those of deeds.ts
  constructor(storage: Storage<any>, writer: number) {
    this.#storage = storage
    this.#writer = writer
  }

  get verified(): number {
    return this.#verified
  }

  /** The first of what is wrong. */
  get wrong(): readonly string[] {
    return this.#wrong.slice(0, 10)
  }

  /** A number for a unit that begins. */
  begin(): number {
    return ++this.#count
  }

  /** A unit has ended; it must have so many rows: 0 if it was rejected. */
  end(n: number, rows: number): void {
    this.#ended.set(n, rows)
  }

  complain(what: string): void {
    this.#wrong.push(what)
  }

  /** Compares and deletes every unit that has ended. */
  async sweep(): Promise<void> {
    const ended = this.#ended
    this.#ended = new Map()
    const { db } = this.#storage
    const { rows } = await sql<{ n: number; rows: number; parts: number }>`select n, count(*) as rows,
      count(distinct part) as parts from log where writer = ${this.#writer} group by n`.execute(db)
    const stored = new Map(rows.map((row) => [row.n, row]))
    let sum = 0
    for (const [n, expected] of ended) {
      const found = stored.get(n)?.rows ?? 0
      if (found < expected) this.complain(`lost: unit ${n} has ${found} rows, acknowledged were ${expected}`)
      if (found > expected || (stored.get(n)?.parts ?? 0) !== found)
        this.complain(`twice: unit ${n} has ${found} rows, acknowledged were ${expected}`)
      sum += found
    }
    const result = await sql`delete from log where writer = ${this.#writer}
      and n in (select value from json_each(${JSON.stringify([...ended.keys()])}))`.execute(db)
    if (Number(result.numAffectedRows) !== sum) this.complain(`${result.numAffectedRows} deleted, not ${sum}`)
    this.#verified += sum
  }

  /** The last sweep: when all units have ended, nothing may be left. */
  async close(): Promise<void> {
    await this.sweep()
    const { rows } = await sql<{ n: number }>`select count(*) as n from log
      where writer = ${this.#writer}`.execute(this.#storage.db)
    if (rows[0]?.n !== 0) this.complain(`twice: ${rows[0]?.n} rows came after their unit was compared`)
  }
}
