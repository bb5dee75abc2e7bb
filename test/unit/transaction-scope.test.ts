/** Which transaction the running code is inside of. */
import { describe, expect, it } from 'vitest'
import {
  currentScope,
  enclosingScope,
  type TransactionScope,
  whenIdle,
} from '../../src/connection/transaction-scope.ts'
import type { AsyncContext } from '../../src/connector.ts'
import { testClock } from '../../src/tools/testing.ts'

const owner = {}

function scope(state: Partial<TransactionScope>): TransactionScope {
  return { owner, isOpen: true, isOver: false, idleMs: () => 0, parent: undefined, ...state }
}

function inside(value: TransactionScope | undefined): AsyncContext {
  return { get: () => value, enter: () => {} }
}

describe('transaction scope', () => {
  it('enclosingScope() finds the open one of this owner, through those of other storages', () => {
    const outer = scope({})
    const other = scope({ owner: {}, parent: outer })

    expect(enclosingScope(inside(other), owner)).toBe(outer)
    expect(enclosingScope(inside(scope({ isOpen: false })), owner)).toBeUndefined()
    expect(enclosingScope(inside(undefined), owner)).toBeUndefined()
    expect(enclosingScope(undefined, owner)).toBeUndefined()
  })

  it('currentScope() passes over those that are over, so that a timer that sets itself again links no chain', () => {
    const waiting = scope({ isOpen: false })
    const older = scope({ isOpen: false, isOver: true, parent: waiting })
    const over = scope({ isOpen: false, isOver: true, parent: older })

    expect(currentScope(inside(over))).toBe(waiting)
    expect(currentScope(inside(scope({ isOver: true })))).toBeUndefined()
  })

  it('whenIdle() calls back after a second of idleness on end, and never once it is cancelled or the scope has ended', async () => {
    const clock = testClock()
    let idleSinceMs = 600
    const called: string[] = []
    whenIdle(clock, scope({ idleMs: () => clock.now() - idleSinceMs }), () => called.push('idle'))
    whenIdle(clock, scope({ isOpen: false, idleMs: () => 9_999 }), () => called.push('ended'))
    whenIdle(clock, scope({ idleMs: () => 9_999 }), () => called.push('cancelled'))()

    await clock.advance(1_500)
    expect(called).toEqual([])
    idleSinceMs = 1_200
    await clock.advance(600)
    expect(called).toEqual([])
    await clock.advance(100)
    expect(called).toEqual(['idle'])
    expect(clock.pending).toBe(0)
  })

  it('whenIdle() gives another second when the timer itself is late: the transaction had no turn either', async () => {
    const clock = testClock()
    let blockedMs = 0
    const blocked = { ...clock, now: () => clock.now() + blockedMs }
    const called: string[] = []
    whenIdle(blocked, scope({ idleMs: () => blocked.now() }), () => called.push('idle'))

    blockedMs = 3_000
    await clock.advance(1_000)
    expect(called).toEqual([])
    await clock.advance(1_000)
    expect(called).toEqual(['idle'])
    expect(clock.pending).toBe(0)
  })
})
