/**
 * What the routes work with, made once per server and put together here.
 *
 * @module
 */
import type { Storage } from 'unbusy'
import { EventHub } from './event-hub.ts'
import { type Figures, figuresOf } from './figures.ts'
import { LostFiles } from './lost-files.ts'
import { MachineSockets } from './machine-sockets.ts'
import { Presence } from './presence.ts'
import { MachineRepository } from './repositories/machines.ts'
import { SessionRepository } from './repositories/sessions.ts'
import { UsageRepository } from './repositories/usage.ts'
import type { Database } from './schema.ts'
import { Sweeper } from './sweeper.ts'

/** How the services behave; each is by default what `configFromEnv` says. */
export interface ServiceOptions {
  readonly registrationMs?: number
  readonly presenceMs?: number
  readonly presenceFlushMs?: number
  readonly sweepIntervalMs?: number
  readonly usageCapacity?: number
}

/** How often those who watch are told the figures, in milliseconds. It also shows that the connection is alive. */
const figuresEveryMs = 1_000

/** The parts of the server behind the routes. */
export class Services {
  readonly storage: Storage<Database>
  /** How long a registration may wait for the lock, in milliseconds. */
  readonly registrationMs: number
  readonly hub: EventHub
  readonly lostFiles: LostFiles
  readonly machines: MachineRepository
  readonly sessions: SessionRepository
  readonly usage: UsageRepository
  readonly presence: Presence
  readonly machineSockets: MachineSockets
  readonly sweeper: Sweeper
  readonly #ticker: ReturnType<typeof setInterval>

  constructor(storage: Storage<Database>, options: ServiceOptions = {}) {
    this.storage = storage
    this.registrationMs = options.registrationMs ?? 8_000
    this.hub = new EventHub()
    this.lostFiles = new LostFiles()
    this.machines = new MachineRepository(storage)
    this.sessions = new SessionRepository(storage)
    this.usage = new UsageRepository(storage, {
      capacity: options.usageCapacity ?? 10_000,
      lostFiles: this.lostFiles,
    })
    this.presence = new Presence({
      storage,
      sessions: this.sessions,
      hub: this.hub,
      lostFiles: this.lostFiles,
      flushIntervalMs: options.presenceFlushMs ?? 1_000,
      lockTimeoutMs: options.presenceMs ?? 2_000,
    })
    this.machineSockets = new MachineSockets(this.presence.machines, this.hub)
    this.sweeper = new Sweeper({
      trackers: [this.presence.sessions, this.presence.machines],
      intervalMs: options.sweepIntervalMs ?? 30_000,
    })
    this.sweeper.start()
    this.#ticker = setInterval(() => {
      if (this.hub.isHeard) this.hub.publish({ event: 'figures', data: this.figures() })
    }, figuresEveryMs)
  }

  figures(): Figures {
    return figuresOf(this)
  }

  /** Says goodbye for the machines, sends away those who watch, and sweeps no more. The buffers go on: the storage drains them when it closes. */
  stop(): void {
    clearInterval(this.#ticker)
    this.sweeper.stop()
    this.machineSockets.close()
    this.hub.close()
  }
}
