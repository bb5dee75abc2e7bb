/**
 * Who may write: one stream at a time, in the order of asking. A stream that holds the lock for too long while another
 * waits is rolled back by force; it learns of it with its next request only (`TXN_TIMEOUT` of sqld, 5 s).
 *
 * @module
 */

/** A stream, as the lock sees it. */
export interface LockUser {
  /** Takes its transaction away. It is never called while a statement of it runs. */
  forceRollback(): void
}

interface Waiting {
  readonly user: LockUser
  readonly grant: () => void
  readonly refuse: (reason: Error) => void
}

export class WriteLock {
  readonly #txnTimeoutMs: number
  readonly #waiting: Waiting[] = []
  #holder: LockUser | undefined
  #heldSinceMs = 0
  #timer: NodeJS.Timeout | undefined

  /** @param txnTimeoutMs How long a stream may hold the lock once another wants it, in milliseconds. */
  constructor(txnTimeoutMs: number) {
    this.#txnTimeoutMs = txnTimeoutMs
  }

  isHeldBy(user: LockUser): boolean {
    return this.#holder === user
  }

  get waitingCount(): number {
    return this.#waiting.length
  }

  /** Resolves when the lock is this stream's; at once if it is already. Rejects if the stream leaves meanwhile. */
  acquire(user: LockUser): Promise<void> {
    if (this.#holder === user) return Promise.resolve()
    if (this.#holder === undefined) {
      this.#give(user)
      return Promise.resolve()
    }
    return new Promise((grant, refuse) => {
      this.#waiting.push({ user, grant, refuse })
      this.#watch()
    })
  }

  /** The stream has no write transaction any more, or has gone. */
  release(user: LockUser): void {
    const at = this.#waiting.findIndex((waiting) => waiting.user === user)
    if (at !== -1) this.#waiting.splice(at, 1)[0]?.refuse(new Error('The stream was closed'))
    if (this.#holder === user) this.#handOver()
  }

  /** Does to the holder what happens after `txnTimeoutMs`, now. */
  forceTimeout(): void {
    if (this.#holder === undefined) return
    this.#holder.forceRollback()
    this.#handOver()
  }

  #handOver(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#holder = undefined
    const next = this.#waiting.shift()
    if (next === undefined) return
    this.#give(next.user)
    next.grant()
    this.#watch()
  }

  #give(user: LockUser): void {
    this.#holder = user
    this.#heldSinceMs = performance.now()
  }

  /** Only while somebody waits: alone, a transaction may take as long as it likes. */
  #watch(): void {
    if (this.#timer !== undefined || this.#waiting.length === 0) return
    const leftMs = this.#heldSinceMs + this.#txnTimeoutMs - performance.now()
    this.#timer = setTimeout(() => this.forceTimeout(), Math.max(0, leftMs))
  }
}
