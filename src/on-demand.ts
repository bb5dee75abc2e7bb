/**
 * Code that is loaded when it is first used: what an application never uses is not loaded at its start. Each part names
 * its module with an `import()` of its own, which bundlers split off, or put inline where there can be one file only.
 *
 * @module
 */

/** What is being loaded now, by whomever. */
const loads = new Set<Promise<unknown>>()

/** A part of the library that is loaded once. What uses it often asks for `loaded` first, which costs no promise. */
export class OnDemand<Code> {
  readonly #import: () => Promise<Code>
  #loading: Promise<Code> | undefined
  /** Set once it is loaded. */
  loaded: Code | undefined

  constructor(importCode: () => Promise<Code>) {
    this.#import = importCode
  }

  /** Loads it, if that is still to be done. A load that failed fails its callers only: the next one tries again. */
  load(): Promise<Code> {
    this.#loading ??= this.#load()
    return this.#loading
  }

  async #load(): Promise<Code> {
    const loading = this.#import()
    loads.add(loading)
    try {
      this.loaded = await loading
      return this.loaded
    } catch (error) {
      this.#loading = undefined
      throw error
    } finally {
      loads.delete(loading)
    }
  }
}

/**
 * Resolves a turn later, or when nothing is being loaded any more and who waited for it is on his way: what was called for
 * before a storage closes may wait for its code.
 */
export async function untilLoaded(nextTurn: () => Promise<void>): Promise<void> {
  await nextTurn()
  while (loads.size > 0) {
    await Promise.allSettled(loads)
    await nextTurn()
  }
}
