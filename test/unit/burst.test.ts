import { describe, expect, it } from 'vitest'
import { Burst } from '../../src/burst.ts'

describe('Burst', () => {
  it('is over after 5 ms of use after use, until a turn was given', () => {
    const burst = new Burst()
    burst.note(100, 102)
    expect(burst.isOver).toBe(false)
    burst.note(103, 105)
    expect(burst.isOver).toBe(true)

    burst.end()
    expect(burst.isOver).toBe(false)
    burst.note(106, 110)
    expect(burst.isOver).toBe(false)
    burst.note(110, 111)
    expect(burst.isOver).toBe(true)
  })

  it('is over after one use that took so long', () => {
    const burst = new Burst()
    burst.note(100, 101)
    burst.end()
    burst.note(200, 206)
    expect(burst.isOver).toBe(true)
  })

  it('begins anew after a rest, so that the next one to write is not kept waiting', () => {
    const burst = new Burst()
    burst.note(100, 101)
    burst.note(1_000, 1_001)
    expect(burst.isOver).toBe(false)
  })

  it('is over after 32 uses, however long each rest was', () => {
    const burst = new Burst()
    for (let use = 1; use < 32; use++) burst.note(use * 10, use * 10)
    expect(burst.isOver).toBe(false)
    burst.note(320, 320)
    expect(burst.isOver).toBe(true)
  })
})
