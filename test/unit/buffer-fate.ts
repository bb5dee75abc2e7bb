/**
 * What becomes of everything that was given to a write-behind buffer, and a store that takes its time, fails, and does
 * not always hear that it should end.
 *
 * @module
 */
import fc from 'fast-check'
import { ConstraintError, LockTimeoutError } from 'unbusy'
import type { TestClock } from 'unbusy/testing'
import { expect } from 'vitest'
import type { FlushContext } from '../../src/buffers/coalesce-options.ts'
import type { Drop, DropReason } from '../../src/buffers/write-behind.ts'

/** A value or a row. */
export interface Item {
  readonly key: string
  /** The numbers of all values that were merged into it. */
  readonly numbers: readonly number[]
  readonly isPoison: boolean
}

/** What the n-th write meets. A deaf one hears no signal. */
export const fates: fc.Arbitrary<Fates> = fc.array(
  fc.record({
    ms: fc.oneof({ weight: 5, arbitrary: fc.nat({ max: 60 }) }, { weight: 1, arbitrary: fc.constant(2_500) }),
    isLocked: fc.constantFrom(true, false, false),
    isDeaf: fc.boolean(),
  }),
  { minLength: 1, maxLength: 12 },
)

/** The fates of the writes of one run, again and again. */
export type Fates = readonly { readonly ms: number; readonly isLocked: boolean; readonly isDeaf: boolean }[]

/** What became of each number. */
export class Fate {
  readonly stored: number[] = []
  readonly storedByKey: Map<string, number[]> = new Map()
  /** Stored by a write that went on after the buffer had given it up. */
  readonly storedLate: number[] = []
  readonly dropped: Map<number, DropReason> = new Map()
  /** Left to their callers: the queue was full, or their wait was aborted. */
  readonly returned: number[] = []
  drops = 0
  isClosed = false

  readonly onDrop = ({ value, reason }: Drop<Item>): void => {
    this.drops++
    for (const number of value.numbers) {
      expect(this.dropped.has(number)).toBe(false)
      this.dropped.set(number, reason)
    }
  }

  store({ key, numbers }: Item): void {
    if (this.isClosed) {
      this.storedLate.push(...numbers)
      return
    }
    this.stored.push(...numbers)
    const ofKey = this.storedByKey.get(key) ?? []
    this.storedByKey.set(key, ofKey)
    ofKey.push(...numbers)
  }

  isSettled(number: number): boolean {
    return this.stored.includes(number) || this.dropped.has(number) || this.returned.includes(number)
  }

  count(reason: DropReason): number {
    return [...this.dropped.values()].filter((it) => it === reason).length
  }

  /** Exactly one of them for every number; only what a deaf write did too late is there besides. */
  expectOneEach(count: number): void {
    const all = [...this.stored, ...this.dropped.keys(), ...this.returned].sort((a, b) => a - b)
    expect(all).toEqual(Array.from({ length: count }, (_, index) => index + 1))
    for (const number of this.storedLate) expect(this.dropped.get(number)).toBe('closed')
  }
}

/** Stores all or nothing, in its time; ends by its signal, if it is not deaf. */
export function slowStore(
  clock: TestClock,
  fateOf: Fates,
  fate: Fate,
): (items: readonly Item[], context: FlushContext) => Promise<number> {
  let calls = 0
  let isWriting = false
  return async (items: readonly Item[], { signal }: FlushContext): Promise<number> => {
    expect(isWriting).toBe(false)
    isWriting = true
    const { ms, isLocked, isDeaf } = fateOf[calls++ % fateOf.length] as Fates[number]
    try {
      await new Promise<void>((resolve, reject) => {
        const cancel = clock.schedule(ms, resolve)
        if (isDeaf) return
        signal.addEventListener('abort', () => {
          cancel()
          reject(signal.reason)
        })
      })
    } finally {
      isWriting = false
    }
    if (isLocked) throw new LockTimeoutError('The database stayed locked', { waitedMs: 60_000, attempts: 9 })
    if (items.some(({ isPoison }) => isPoison)) throw new ConstraintError('CHECK constraint failed', 275)
    for (const item of items) fate.store(item)
    return items.length
  }
}
