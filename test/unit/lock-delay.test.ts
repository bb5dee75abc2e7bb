/** C3: how long a wait stays away from a lock that was busy. */
import { describe, expect, it } from 'vitest'
import { nextDelayMs, Turn } from '../../src/lock-delay.ts'

describe('nextDelayMs', () => {
  it.each([
    [0, 0.5, 2.5],
    [19.9, 0.5, 2.5],
    [20, 0.5, 5],
    [499, 0.5, 5],
    [500, 1, 15],
    [60_000, 1, 15],
  ])('a wait that is %d ms old asks again in %d to %d ms', (ageMs, lowMs, highMs) => {
    const refusal = { ageMs, triesInARow: 3, hadItsTurn: false }
    expect(nextDelayMs(refusal, () => 0)).toBe(lowMs)
    expect(nextDelayMs(refusal, () => 1)).toBe(highMs)
    expect(nextDelayMs(refusal, () => 0.5)).toBe((lowMs + highMs) / 2)
  })

  it('a young wait asks twice more at once, as most locks are held for microseconds', () => {
    const delays = [1, 2, 3].map((triesInARow) =>
      nextDelayMs({ ageMs: 5, triesInARow, hadItsTurn: false }, () => 0),
    )
    expect(delays).toEqual([0, 0, 0.5])
    expect(nextDelayMs({ ageMs: 20, triesInARow: 1, hadItsTurn: false }, () => 0)).toBe(0.5)
  })

  it('who had the lock write after write lets the others have it, once', () => {
    const first = { ageMs: 0, triesInARow: 1, hadItsTurn: true }
    expect([nextDelayMs(first, () => 0), nextDelayMs(first, () => 1)]).toEqual([14, 20])
    expect(nextDelayMs({ ...first, ageMs: 14 }, () => 1)).toBe(0)
  })

  it('after that it asks more often than others, and then no oftener', () => {
    const delaysAt = (ageMs: number): number[] =>
      [0, 1].map((chance) => nextDelayMs({ ageMs, triesInARow: 3, hadItsTurn: true }, () => chance))
    expect([14, 39.9, 40].map(delaysAt)).toEqual([
      [0.3, 1.5],
      [0.3, 1.5],
      [0.5, 5],
    ])
  })
})

describe('Turn', () => {
  it('is long after eight more writes that follow each other within a millisecond', () => {
    const turn = new Turn()
    const isLong = Array.from({ length: 10 }, (_, count) => {
      turn.note(count * 0.9)
      return turn.isLong
    })
    expect(isLong).toEqual([...new Array(8).fill(false), true, true])
  })

  it('ends with a gap', () => {
    const turn = new Turn()
    for (let count = 0; count < 20; count++) turn.note(count * 0.1)
    turn.note(3)
    expect(turn.isLong).toBe(false)
  })

  it('is none where the writes are a millisecond apart', () => {
    const turn = new Turn()
    for (let count = 0; count < 100; count++) turn.note(count)
    expect(turn.isLong).toBe(false)
  })
})
