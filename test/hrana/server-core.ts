/**
 * What HTTP and WebSocket share: the database, the streams, the faults, and the record of what was asked.
 *
 * @module
 */
import Database from 'better-sqlite3'
import { BatonTable } from './baton-table.ts'
import { type Counts, newCounts } from './counters.ts'
import { Faults } from './faults.ts'
import { WriteLock } from './write-lock.ts'

/** How a server is set up; all of it goes through the command line of its process. */
export interface ServerSettings {
  /** The database file; it is made if it is not there. */
  readonly path: string
  /** Of the system's choice, if it is 0. @default {0} */
  readonly port?: number
  /** The bearer token that every request must bring. @default {none: everybody may} */
  readonly authToken?: string
  /** How long a transaction may hold the write lock once another writer waits. @default {5_000}, as sqld */
  readonly txnTimeoutMs?: number
  /** How long a stream may wait for its next request. @default {10_000}, as sqld */
  readonly streamIdleMs?: number
  /** The greatest answer to one request. @default {10_000_000}, as sqld */
  readonly maxResponseBytes?: number
}

/** A request as it came, for tests of what goes over the wire. */
export interface RecordedRequest {
  readonly transport: 'http' | 'websocket'
  readonly body: unknown
}

export class ServerCore {
  readonly settings: ServerSettings
  readonly maxResponseBytes: number
  readonly lock: WriteLock
  readonly batons: BatonTable
  readonly faults: Faults = new Faults()
  readonly counts: Counts = newCounts()
  readonly requests: RecordedRequest[] = []
  /** Streams that are open now, on both transports. */
  openStreams = 0
  /** Cuts every WebSocket; the WebSocket side puts its own here. */
  cutSockets: () => void = () => {}

  constructor(settings: ServerSettings) {
    this.settings = settings
    this.maxResponseBytes = settings.maxResponseBytes ?? 10_000_000
    this.lock = new WriteLock(settings.txnTimeoutMs ?? 5_000)
    this.batons = new BatonTable(settings.streamIdleMs ?? 10_000)
    const database = new Database(settings.path)
    database.pragma('journal_mode = WAL')
    database.close()
  }

  get path(): string {
    return this.settings.path
  }

  /** Has this client said the right token? */
  isAllowed(token: string | undefined): boolean {
    return this.settings.authToken === undefined || this.settings.authToken === token
  }

  record(transport: RecordedRequest['transport'], body: unknown): void {
    this.requests.push({ transport, body })
  }

  /** Loses every stream and every connection, as a restart of the process does. */
  restart(): void {
    this.batons.forget()
    this.cutSockets()
  }

  /** Forgets what was counted, recorded and planned; the database stays. */
  reset(): void {
    Object.assign(this.counts, newCounts())
    this.requests.length = 0
    this.faults.plan({})
  }
}
