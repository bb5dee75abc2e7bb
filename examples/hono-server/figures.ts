/**
 * The figures of this server at one moment, for the page and for `/metrics`.
 *
 * @module
 */
import type { AppendStats, CoalesceStats, Storage, StorageStats } from 'unbusy'
import type { EventHub, EventHubStats } from './event-hub.ts'
import type { Presence } from './presence.ts'
import type { UsageRepository } from './repositories/usage.ts'
import type { Database } from './schema.ts'
import type { Sweeper } from './sweeper.ts'

/** Figures since the start, unless they say `pending`, `queued`, `open`, `known` or `clients`: those are of now. */
export interface Figures {
  readonly storage: StorageStats
  readonly presence: {
    readonly session: CoalesceStats & { readonly known: number }
    readonly machine: CoalesceStats & { readonly known: number }
  }
  readonly usage: AppendStats
  readonly events: EventHubStats
  /** Sessions and machines that were marked as inactive. */
  readonly swept: number
}

/** The parts of the server that count. */
export interface FigureSources {
  readonly storage: Storage<Database>
  readonly presence: Presence
  readonly usage: UsageRepository
  readonly hub: EventHub
  readonly sweeper: Sweeper
}

/** Reads all figures; touches no database. */
export function figuresOf({ storage, presence, usage, hub, sweeper }: FigureSources): Figures {
  const { sessions, machines } = presence
  return {
    storage: storage.stats(),
    presence: {
      session: { ...sessions.buffer.stats(), known: sessions.directory.size },
      machine: { ...machines.buffer.stats(), known: machines.directory.size },
    },
    usage: usage.events.stats(),
    events: hub.stats(),
    swept: sweeper.swept,
  }
}
