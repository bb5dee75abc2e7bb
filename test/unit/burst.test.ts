import { describe, expect, it } from 'vitest'
import { Burst } from '../../src/write-queue/burst.ts'

/** A burst, how often it asked to be told of a turn, and the turn. */
function start(): { burst: Burst; asked: () => number; turn: () => Promise<void> } {
  const waiting: (() => void)[] = []
  let asked = 0
  const burst = new Burst(() => {
    asked++
    return new Promise((resolve) => waiting.push(resolve))
  })
  return {
    burst,
    asked: () => asked,
    async turn() {
      for (const resolve of waiting.splice(0)) resolve()
      await undefined
    },
  }
}

describe('Burst', () => {
  it('is over after 5 ms without a turn of the event loop, until there was one', async () => {
    const { burst, turn } = start()
    burst.note(100, 102)
    expect(burst.isOver).toBe(false)
    burst.note(103, 105)
    expect(burst.isOver).toBe(true)
    await turn()
    expect(burst.isOver).toBe(false)
  })

  it('is over after one use that takes so long, and after a computation between two', async () => {
    const { burst, turn } = start()
    burst.note(100, 105)
    expect(burst.isOver).toBe(true)
    await turn()
    burst.note(200, 201)
    burst.note(251, 252)
    expect(burst.isOver).toBe(true)
  })

  it('is not over while the event loop turns by itself, and asks for that once in 5 ms', async () => {
    const { burst, asked, turn } = start()
    for (let atMs = 100; atMs < 130; atMs++) {
      burst.note(atMs, atMs)
      expect(burst.isOver).toBe(false)
      await turn()
    }
    expect(asked()).toBe(6)
  })

  it('begins anew after a rest, so that the next one to write is not kept waiting', async () => {
    const { burst, turn } = start()
    burst.note(100, 101)
    await turn()
    burst.note(1_000, 1_001)
    expect(burst.isOver).toBe(false)
  })
})
