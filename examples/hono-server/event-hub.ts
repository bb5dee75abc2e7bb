/**
 * Passes events on to whoever watches. Nobody is waited for: one who reads too slowly is sent away with what it has not
 * read, and comes back to a fresh start, instead of filling the memory of the server.
 *
 * @module
 */
import type { LiveEvent } from './events.ts'

/** An event as it is sent: turned into text once, however many watch. */
export interface SentEvent {
  readonly event: LiveEvent['event']
  /** `data` as JSON. */
  readonly json: string
}

/** How a hub treats its subscribers. */
export interface EventHubOptions {
  /** Events that one subscriber may leave unread. @default {20_000} */
  readonly maxBacklog?: number
}

/** Figures of a hub. */
export interface EventHubStats {
  /** Who watches now. */
  readonly clients: number
  readonly published: number
  /** Subscribers that were sent away because they were too slow. */
  readonly slowClients: number
}

/** Knows who watches. */
export class EventHub {
  readonly #maxBacklog: number
  readonly #subscriptions = new Set<Subscription>()
  #published = 0
  #slowClients = 0
  #isClosed = false

  constructor({ maxBacklog = 20_000 }: EventHubOptions = {}) {
    this.#maxBacklog = maxBacklog
  }

  /** Whether an event would be heard. */
  get isHeard(): boolean {
    return this.#subscriptions.size > 0
  }

  /** Sends an event to everybody who watches now. */
  publish({ event, data }: LiveEvent): void {
    this.#published++
    if (!this.isHeard) return
    const sent: SentEvent = { event, json: JSON.stringify(data) }
    for (const subscription of this.#subscriptions) {
      if (subscription.push(sent) <= this.#maxBacklog) continue
      this.#slowClients++
      subscription.expel()
    }
  }

  /**
   * Starts watching; call `end()` when it is over.
   *
   * @param onExpelled Told when this one read too slowly: whoever sends may be waiting for a client that never reads.
   */
  subscribe(onExpelled?: () => void): Subscription {
    const leave = (): void => void this.#subscriptions.delete(subscription)
    const subscription: Subscription = new Subscription(leave, onExpelled)
    if (this.#isClosed) subscription.end()
    else this.#subscriptions.add(subscription)
    return subscription
  }

  /** Ends every subscription, and those to come. */
  close(): void {
    this.#isClosed = true
    for (const subscription of this.#subscriptions) subscription.end()
  }

  stats(): EventHubStats {
    return {
      clients: this.#subscriptions.size,
      published: this.#published,
      slowClients: this.#slowClients,
    }
  }
}

/** What one who watches has not read yet. */
export class Subscription {
  readonly #onEnd: () => void
  readonly #onExpelled: (() => void) | undefined
  #unread: SentEvent[] = []
  #wake: (() => void) | undefined
  #isOver = false

  constructor(onEnd: () => void, onExpelled?: () => void) {
    this.#onEnd = onEnd
    this.#onExpelled = onExpelled
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Answers how many are unread now. */
  push(event: SentEvent): number {
    const unread = this.#unread.push(event)
    this.#wake?.()
    return unread
  }

  /** Resolves with all that is unread, at least one event; with undefined once it is over. One call at a time. */
  async take(): Promise<readonly SentEvent[] | undefined> {
    if (this.#unread.length === 0 && !this.#isOver) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = undefined
    }
    if (this.#isOver) return undefined
    const events = this.#unread
    this.#unread = []
    return events
  }

  /** Ends it, from either side; what is unread is forgotten. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#unread = []
    this.#onEnd()
    this.#wake?.()
  }

  /** Ends it because its reader is too slow. */
  expel(): void {
    this.end()
    this.#onExpelled?.()
  }
}
