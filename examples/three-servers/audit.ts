/**
 * Holds the database against what was acknowledged: it reads the tables itself, as a fourth program beside the servers.
 *
 * @module
 */
import type { Storage } from 'unbusy'
import { openStorage } from 'unbusy/auto'
import type { Database } from '../hono-server/schema.ts'
import type { Acknowledged, MachineRecord } from './acknowledged.ts'

/** What became of one kind of acknowledgement. */
export interface Finding {
  readonly what: string
  /** What the acknowledgement promised. */
  readonly promise: string
  readonly acknowledged: number
  readonly found: number
  /** Acknowledged, and not found. */
  readonly lost: number
  /** Applied a second time. */
  readonly twice: number
}

/** Looks into the database. */
export class Auditor {
  readonly #storage: Storage<Database>

  constructor(storage: Storage<Database>) {
    this.#storage = storage
  }

  static async open(url: string, authToken: string | undefined): Promise<Auditor> {
    return new Auditor(await openStorage<Database>({ url, ...(authToken !== undefined && { authToken }) }))
  }

  close(): Promise<unknown> {
    return this.#storage.close()
  }

  /** Which of these events are stored. */
  async storedOf(keys: readonly string[]): Promise<ReadonlySet<string>> {
    const stored = await this.#eventKeys()
    return new Set(keys.filter((key) => stored.has(key)))
  }

  /** For each machine, when it was last seen by what is stored, in ms since the epoch. */
  async seenAtMs(): Promise<ReadonlyMap<string, number>> {
    const rows = await this.#storage.db.selectFrom('machine').select(['id', 'last_active_at']).execute()
    return new Map(rows.map(({ id, last_active_at: atMs }) => [id, atMs]))
  }

  /** One finding for each promise. */
  async findings(acknowledged: Acknowledged): Promise<readonly Finding[]> {
    const { db } = this.#storage
    const machines = await db.selectFrom('machine').selectAll().execute()
    const machineOf = new Map(machines.map((machine) => [machine.id, machine]))
    const reports = await db.selectFrom('usage_report').select('session_id').execute()
    const sessions = await db.selectFrom('session').select(['id', 'tag']).execute()
    const stored = await this.#eventKeys()

    /** Of each machine what was acknowledged and what is there: less is lost, more was applied twice. */
    const compare = (
      what: string,
      promise: string,
      counts: (record: MachineRecord) => readonly [acknowledged: number, found: number, lost?: number],
    ): Finding => {
      const finding = { what, promise, acknowledged: 0, found: 0, lost: 0, twice: 0 }
      for (const [told, found, lost = Math.max(0, told - found)] of acknowledged.machines.map(counts)) {
        finding.acknowledged += told
        finding.found += found
        finding.lost += lost
        finding.twice += found - (told - lost)
      }
      return finding
    }
    return [
      compare('machines registered', committed, ({ id, isRegistered }) => [
        Number(isRegistered),
        machines.filter((machine) => machine.id === id).length,
      ]),
      compare('sessions opened', committed, ({ id, sessionId }) => [
        Number(sessionId !== ''),
        sessions.filter((session) => session.tag === id && session.id === sessionId).length,
      ]),
      // The version counts what was applied: it starts at 1.
      compare('changes of metadata', committed, ({ id, changes }) => [
        changes,
        (machineOf.get(id)?.metadata_version ?? 1) - 1,
      ]),
      compare('usage reports', committed, ({ sessionId, reports: told }) => [
        told,
        reports.filter(({ session_id: id }) => id === sessionId).length,
      ]),
      // Nobody else has keys that start with a machine of this run.
      compare('usage events', takenIn, ({ id }) => {
        const isOf = (key: string): boolean => key.startsWith(`${id}/`)
        const told = [...acknowledged.events.keys()].filter(isOf)
        const lost = told.filter((key) => !stored.has(key)).length
        return [told.length, [...stored].filter(isOf).length, lost]
      }),
      compare('last heartbeats', takenIn, ({ id, heartbeatAtMs }) => [
        1,
        Number((machineOf.get(id)?.last_active_at ?? 0) >= heartbeatAtMs),
      ]),
    ]
  }

  async #eventKeys(): Promise<ReadonlySet<string>> {
    const rows = await this.#storage.db.selectFrom('usage_event').select('external_key').execute()
    return new Set(rows.map(({ external_key: key }) => key))
  }
}

const committed = '200: committed'
const takenIn = 'taken in, stored soon'
