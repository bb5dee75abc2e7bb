/**
 * Which machines are connected: those that hold a WebSocket of their own open. Connecting is a sign of life, hanging up is
 * the end of it, and both are stored as heartbeats are: later, many with one statement, the freshest wins.
 *
 * @module
 */
import type { EventHub } from './event-hub.ts'
import type { PresenceTracker } from './presence-tracker.ts'

/** Counts the sockets of each machine, and tells those who watch of the first one and the last one. */
export class MachineSockets {
  readonly #machines: PresenceTracker
  readonly #hub: EventHub
  readonly #sockets = new Map<string, number>()
  #isClosed = false

  constructor(machines: PresenceTracker, hub: EventHub) {
    this.#machines = machines
    this.#hub = hub
  }

  /** A socket of a known machine was opened. Answers what to call when it is closed; a second call does nothing. */
  connect(id: string): () => void {
    if (this.#isClosed) return () => {}
    const others = this.#sockets.get(id) ?? 0
    this.#sockets.set(id, others + 1)
    if (others === 0) this.#tell(id, true)
    this.#machines.arrive(id, Date.now())

    let isOpen = true
    return () => {
      if (isOpen) this.#disconnect(id)
      isOpen = false
    }
  }

  /**
   * The server stops, so nobody is connected any more. Said now, as long as it can still be stored: the sockets themselves
   * are closed a little later.
   */
  close(): void {
    this.#isClosed = true
    for (const id of this.#sockets.keys()) this.#leave(id)
  }

  #disconnect(id: string): void {
    const others = (this.#sockets.get(id) ?? 1) - 1
    if (others > 0) this.#sockets.set(id, others)
    else if (!this.#isClosed) this.#leave(id)
  }

  #leave(id: string): void {
    this.#sockets.delete(id)
    this.#tell(id, false)
    this.#machines.leave(id, Date.now())
  }

  #tell(machineId: string, online: boolean): void {
    const timestamp = Date.now()
    this.#hub.publish({ event: 'ephemeral', data: { type: 'machine-status', machineId, online, timestamp } })
  }
}
