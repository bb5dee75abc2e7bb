/**
 * What those who watch are told: presence at once, before it is stored, and lasting changes after they are.
 *
 * @module
 */
import type { Amounts } from './repositories/usage.ts'
import type { MachineView, SessionView } from './views.ts'

/** Told once and kept nowhere. `active` and `activeAt` (ms since the epoch) are what a read would answer now. */
export type EphemeralEvent =
  | {
      readonly type: 'activity'
      readonly id: string
      readonly active: boolean
      readonly activeAt: number
      readonly thinking: boolean
    }
  | {
      readonly type: 'machine-activity'
      readonly id: string
      readonly active: boolean
      readonly activeAt: number
    }
  | {
      /** The first socket of a machine was opened, or its last one closed. */
      readonly type: 'machine-status'
      readonly machineId: string
      readonly online: boolean
      readonly timestamp: number
    }
  | {
      readonly type: 'usage'
      /** The session. */
      readonly id: string
      readonly key: string
      readonly tokens: Amounts
      readonly cost: Amounts
      readonly timestamp: number
    }

/** What changed. */
export type UpdateBody =
  | { readonly t: 'new-machine' | 'update-machine'; readonly machine: MachineView }
  | { readonly t: 'new-session' | 'update-session'; readonly session: SessionView }

/** A change that is stored. `seq` is that of the machine or session, so an older one can be told from a newer one. */
export interface UpdateEvent {
  readonly id: string
  readonly seq: number
  readonly body: UpdateBody
  readonly createdAt: number
}

/** By the name under which it is sent: the `event` of SSE, and of a WebSocket message `{ event, data }`. */
export type LiveEvent =
  | { readonly event: 'ephemeral'; readonly data: EphemeralEvent }
  | { readonly event: 'update'; readonly data: UpdateEvent }
  /** Figures of this server, for the page: see `figures.ts`. */
  | { readonly event: 'figures'; readonly data: unknown }

/** The event of a stored change. */
export function updateOf(body: UpdateBody): LiveEvent {
  const { seq, updatedAt } = 'machine' in body ? body.machine : body.session
  return { event: 'update', data: { id: crypto.randomUUID(), seq, body, createdAt: updatedAt } }
}
