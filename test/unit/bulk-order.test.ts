/** In which order the rows of a bulk call that is larger than a slice are written. */
import { describe, expect, it } from 'vitest'
import type { BulkRow } from '../../src/bulk/cells.ts'
import { slicesOf } from '../../src/bulk/order.ts'

const set = { columns: ['value', 'id'], keyIndexes: [1] }

function rowsOf(keys: readonly (string | number)[]): BulkRow[] {
  return keys.map((key, position) => ({ position, set, cells: [0, key], fitsJson: true, weight: 0 }))
}

/** Every key of 0 to count - 1 once, in no order. */
function shuffled<Key>(count: number, keyOf: (n: number) => Key): Key[] {
  return Array.from({ length: count }, (_, n) => keyOf((n * 7_919) % count))
}

function keysOf(slices: Iterable<readonly BulkRow[]>): unknown[][] {
  return [...slices].map((slice) => slice.map(({ cells }) => cells[1]))
}

describe('slicesOf()', () => {
  it.each<[string, (n: number) => string | number]>([
    ['texts that begin alike', (n) => `session-${String(n).padStart(4, '0')}-x`],
    ['texts, one of which another begins with', (n) => 'a'.repeat(n % 5) + String(n).padStart(4, '0')],
    ['integers, negative ones too', (n) => n * 1_000_003 - 2 ** 40],
    ['both', (n) => (n % 2 === 0 ? n : `k${n}`)],
    ['texts beyond Latin', (n) => `\u4e00${n}`],
    ['texts that are one but for their end', (n) => `${'same'.repeat(5)}${n}`],
  ])('keeps every row once, of %s', (_, keyOf) => {
    const keys = shuffled(2_500, keyOf)

    const slices = keysOf(slicesOf(rowsOf(keys), 1_000, true))

    expect(slices.map(({ length }) => length)).toEqual([1_000, 1_000, 500])
    expect(new Set(slices.flat())).toEqual(new Set(keys))
  })

  it.each<[string, (n: number) => string | number]>([
    ['texts', (n) => `session-${String(n).padStart(4, '0')}-x`],
    ['integers', (n) => n * 1_000_003 - 2 ** 40],
  ])('puts neighbours by key into one slice, of %s', (_, keyOf) => {
    const keys = shuffled(3_000, keyOf)

    const slices = keysOf(slicesOf(rowsOf(keys), 1_000, true)) as never[][]

    const inOrder = Array.from({ length: 3_000 }, (_, n) => keyOf(n))
    expect(slices.map((slice) => new Set(slice))).toEqual(
      [0, 1_000, 2_000].map((start) => new Set(inOrder.slice(start, start + 1_000))),
    )
  })

  it('leaves the order alone where it shows', () => {
    const keys = shuffled(2_500, (n) => n)

    expect(keysOf(slicesOf(rowsOf(keys), 1_000, false)).flat()).toEqual(keys)
  })
})
