/** That the ledger of the kills sees what it is there for: a write that is lost, there twice, or half. */
import { describe, expect, it } from 'vitest'
import { Ledger } from './ledger.ts'
import { type Found, seededRows } from './messages.ts'

const unit = { writer: 1, path: 'write', n: 1, parts: 1, distinctParts: 1 } as const
const batch = { writer: 1, path: 'batch', n: 1, parts: 3, distinctParts: 3 } as const
const chunk = { writer: 1, path: 'atomic', chunk: 0, lowest: 2, highest: 2, rows: 1_000 } as const

const whole: Found = {
  integrity: 'ok',
  seeded: seededRows,
  units: [unit, batch],
  counters: { batch: 1, transaction: 0 },
  chunks: [chunk, { ...chunk, chunk: 1 }, { ...chunk, chunk: 2, rows: 500 }],
  presence: Array.from({ length: 10 }, (_, key) => ({ key: `1:${key}`, version: 4 })),
  usage: [{ key: '1:1', writer: 1 }],
}

/** What the process 1 was acknowledged before it was killed. */
function ledgerOf(): Ledger {
  const ledger = new Ledger()
  ledger.started(1)
  ledger.note(1, 'write', 1)
  ledger.note(1, 'batch', 1)
  ledger.note(1, 'atomic', 1)
  ledger.note(1, 'atomic', 2)
  ledger.note(1, 'presence', 4)
  ledger.note(1, 'usage', 1)
  ledger.ended(1)
  return ledger
}

describe('Ledger', () => {
  it('finds nothing wrong where all is there, and something that nobody was told of', () => {
    const untold = { ...unit, n: 2 }
    const found = { ...whole, units: [...whole.units, untold] }

    expect(ledgerOf().check(found)).toEqual([])
    expect(ledgerOf().untold(found)).toBe(1)
  })

  it.each([
    ['lost: write 1 of 1', { units: [batch] }],
    ['twice: write 1 of 1', { units: [{ ...unit, parts: 2 }, batch] }],
    ['half: batch 1 of 1', { units: [unit, { ...batch, parts: 2, distinctParts: 2 }] }],
    ['counter of batch', { counters: { batch: 2, transaction: 0 } }],
    ['lost: atomic 1 of 1', { chunks: [] }],
    [
      'lost: atomic chunk 2 of 1',
      {
        chunks: whole.chunks.map((it) => ({
          ...it,
          lowest: it.chunk === 2 ? 1 : 2,
          highest: it.chunk === 2 ? 1 : 2,
        })),
      },
    ],
    [
      'half: atomic chunk 1 of 1',
      {
        chunks: whole.chunks.map((it) => ({
          ...it,
          lowest: it.chunk === 1 ? 3 : 2,
          highest: it.chunk === 1 ? 3 : 2,
        })),
      },
    ],
    ['half: atomic chunk 0 of 1', { chunks: [{ ...chunk, rows: 999 }, ...whole.chunks.slice(1)] }],
    [
      'version 4 of atomic chunk 0 of 1',
      { chunks: whole.chunks.map((it) => ({ ...it, lowest: 4, highest: 4 })) },
    ],
    [
      'lost: presence 3 of 1',
      { presence: whole.presence.map((it) => (it.key === '1:3' ? { ...it, version: 3 } : it)) },
    ],
    ['lost: usage 1 of 1', { usage: [] }],
    ['twice: usage 1 of 1 is now of 2', { usage: [{ key: '1:1', writer: 2 }] }],
    ['integrity_check: row 1 missing', { integrity: 'row 1 missing' }],
  ] as const)('says "%s"', (complaint, change) => {
    const wrong = ledgerOf().check({ ...whole, ...change })

    expect(wrong.filter((it) => it.startsWith(complaint))).not.toEqual([])
  })

  it('misses seeded rows once they were there, and not before', () => {
    const ledger = ledgerOf()

    expect(ledger.check({ ...whole, seeded: 0 })).toEqual([])
    ledger.check(whole)
    expect(ledger.check({ ...whole, seeded: seededRows - 1 })).toEqual(['299 seeded rows'])
  })
})
