/**
 * What the client and both servers of I1 agree on.
 *
 * @module
 */

/** Between two flushes, in milliseconds. The incident had 5,000: less lets a scenario see several in its time. */
export const flushEveryMs = 2_000

/** The body of `POST /v1/presence`. */
export interface Presence {
  readonly heartbeats: readonly {
    readonly type: 'session-alive'
    readonly sid: string
    /** In ms since the epoch. */
    readonly time: number
  }[]
}

/** What it is answered with; what is not dropped will be stored. */
export interface PresenceAnswer {
  readonly accepted: number
  readonly dropped: readonly { readonly index: number; readonly reason: string }[]
}

/** The body of `POST /v1/machines`. */
export interface Registration {
  readonly id: string
  readonly metadata: string
}
