/** C3: how long a wait stays away from a lock that was busy. */
import { describe, expect, it } from 'vitest'
import { nextDelayMs, Turn } from '../../src/time/lock-delay.ts'

describe('nextDelayMs', () => {
  it.each([
    [0, 0.5, 2.5],
    [19.9, 0.5, 2.5],
    [20, 0.5, 5],
    [499, 0.5, 5],
    [500, 1, 15],
    [60_000, 1, 15],
  ])('a wait that is %d ms old asks again in %d to %d ms', (ageMs, lowMs, highMs) => {
    const refusal = { ageMs, triesInARow: 7, hadItsTurn: false }
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
    expect([nextDelayMs(first, () => 0), nextDelayMs(first, () => 1)]).toEqual([16.5, 17.5])
    expect(nextDelayMs({ ...first, ageMs: 16.5 }, () => 1)).toBe(0)
  })

  it('after that it asks more often than others, and then no oftener', () => {
    const delaysAt = (ageMs: number): number[] =>
      [0, 1].map((chance) => nextDelayMs({ ageMs, triesInARow: 7, hadItsTurn: true }, () => chance))
    expect([16.5, 39.9, 40].map(delaysAt)).toEqual([
      [0.3, 1.5],
      [0.3, 1.5],
      [0.5, 5],
    ])
  })
})

describe('Turn', () => {
  /** So many writes that end so far apart; the first one ends at 0. */
  function turnOf(count: number, gapMs: number): Turn {
    const turn = new Turn()
    for (let index = 0; index < count; index++) turn.note(index * gapMs)
    return turn
  }

  it('is long after eight more writes that follow each other within a millisecond', () => {
    const areLong = [8, 9].map((count) => turnOf(count, 0.9).isLongAt(0.9 * count))
    expect(areLong).toEqual([false, true])
  })

  it('is none where the writes are a millisecond apart', () => {
    expect(turnOf(100, 1).isLongAt(99.5)).toBe(false)
  })

  it('ends with a gap', () => {
    const turn = turnOf(20, 0.1)
    expect([2.8, 3].map((askedAtMs) => turn.isLongAt(askedAtMs))).toEqual([true, false])
  })

  it('is remembered: who loses the lock soon after the first write had it before', () => {
    const turn = turnOf(20, 0.1)
    turn.note(51.8)
    expect(turn.isLongAt(51.9)).toBe(true)
    turn.note(52)
    expect(turn.isLongAt(52.1)).toBe(false)
  })
})
