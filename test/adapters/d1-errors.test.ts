/**
 * What D1's errors mean, in both forms of their text: workerd gives the extended code, the service may leave it out.
 *
 * @module
 */
import { openStorage, resultCodeName } from 'unbusy'
import { describe, expect, it } from 'vitest'
import { D1Connection } from '../../adapters/_d1-connection.ts'
import { d1OutcomeOf, d1ReadError, d1ResultCodeOf } from '../../adapters/_d1-errors.ts'
import { d1 } from '../../adapters/d1.ts'
import { RemoteError, UnsupportedError } from '../../src/errors.ts'

const nameOf = (message: string): string | undefined => {
  const code = d1ResultCodeOf(new Error(message))
  return code === undefined ? undefined : resultCodeName(code)
}

describe('d1ResultCodeOf()', () => {
  it.each([
    ['UNIQUE constraint failed: t.v', 'SQLITE_CONSTRAINT', 'SQLITE_CONSTRAINT_UNIQUE'],
    ['NOT NULL constraint failed: t.v', 'SQLITE_CONSTRAINT', 'SQLITE_CONSTRAINT_NOTNULL'],
    ['FOREIGN KEY constraint failed', 'SQLITE_CONSTRAINT', 'SQLITE_CONSTRAINT_FOREIGNKEY'],
    ['CHECK constraint failed: y > 0', 'SQLITE_CONSTRAINT', 'SQLITE_CONSTRAINT_CHECK'],
  ])('%s', (text, primary, extended) => {
    expect(nameOf(`D1_ERROR: ${text}: ${primary} (extended: ${extended})`)).toBe(extended)
    expect(nameOf(`D1_ERROR: ${text}: ${primary}`)).toBe(extended)
  })

  it('takes what no words tell as the primary code, and an extended code over all words', () => {
    expect(nameOf('D1_ERROR: no way: SQLITE_CONSTRAINT')).toBe('SQLITE_CONSTRAINT')
    expect(nameOf('D1_ERROR: near "selec": syntax error at offset 0: SQLITE_ERROR')).toBe('SQLITE_ERROR')
    expect(
      nameOf(
        'D1_ERROR: UNIQUE constraint failed: t.id: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_PRIMARYKEY)',
      ),
    ).toBe('SQLITE_CONSTRAINT_PRIMARYKEY')
  })

  it('does not take the text of a RAISE() for a code, or the name of a code in the middle', () => {
    expect(nameOf('D1_ERROR: SQLITE_BUSY: is what I say: SQLITE_CONSTRAINT')).toBe('SQLITE_CONSTRAINT')
    expect(nameOf('D1_ERROR: Network connection lost.')).toBeUndefined()
    expect(d1ResultCodeOf('SQLITE_BUSY')).toBeUndefined()
  })
})

describe('d1OutcomeOf()', () => {
  it.each([
    ['D1_ERROR: D1 DB is overloaded. Requests queued for too long.', 'not-applied'],
    ['D1_ERROR: Network connection lost.', 'unknown'],
    ['D1_ERROR: Internal error in D1 DB storage caused object to be reset.', 'unknown'],
    ['D1_ERROR: D1 DB storage operation exceeded timeout which caused object to be reset.', 'unknown'],
    ["D1_TYPE_ERROR: Type 'bigint' not supported for value '5'", 'refused'],
    ['internal error; reference = abc', 'unknown'],
    ["D1_ERROR: D1 DB's isolate exceeded its memory limit and was reset.", 'unknown'],
    ['D1_ERROR: Failed to parse body as JSON, got: <html>', 'unknown'],
    ['D1_ERROR: Exceeded maximum DB size', 'refused'],
    ['D1_ERROR: no such table: t: SQLITE_ERROR', undefined],
    ['D1_ERROR: Network connection lost: SQLITE_CONSTRAINT', undefined],
  ])('%s', (message, outcome) => {
    expect(d1OutcomeOf(new Error(message))).toBe(outcome)
  })

  it('is none for what was refused here', () => {
    expect(d1OutcomeOf(new UnsupportedError('Cannot begin a transaction'))).toBeUndefined()
  })
})

describe('d1ReadError()', () => {
  it('has a read sent again after what passes only', () => {
    for (const text of ['D1_ERROR: Network connection lost.', 'D1_ERROR: no such table: t: SQLITE_ERROR']) {
      const passing = new Error(text)
      expect(d1ReadError(passing)).toBe(passing)
    }
    const lasting = new Error('D1_ERROR: D1 DB exceeded its CPU time limit and was reset.')
    expect(d1ReadError(lasting)).toMatchObject({ outcome: 'refused', cause: lasting })
  })

  it('passes what D1 did not answer in time', async () => {
    const prepared = { bind: () => prepared, all: () => new Promise(() => {}) }
    const connection = new D1Connection({ prepare: () => prepared, batch: async () => [] }, 1)
    const read = connection.execute({ sql: 'select 1', parameters: [], kind: 'read', cacheable: true })

    await expect(read).rejects.toThrow('D1 did not answer within 1 ms')
    await expect(read).rejects.not.toBeInstanceOf(RemoteError)
    expect(() =>
      d1({ database: { prepare: () => prepared, batch: async () => [] }, requestTimeoutMs: 0 }),
    ).toThrow(RangeError)
  })

  it('is for reads alone', async () => {
    const fail = () => Promise.reject(new Error('D1_ERROR: D1 DB exceeded its CPU time limit and was reset.'))
    const prepared = { bind: () => prepared, all: fail }
    const connection = new D1Connection({ prepare: () => prepared, batch: fail }, 30_000)
    const statement = { sql: 'select 1', parameters: [], cacheable: true }

    await expect(connection.execute({ ...statement, kind: 'read' })).rejects.toBeInstanceOf(RemoteError)
    await expect(connection.execute({ ...statement, kind: 'alone' })).rejects.not.toBeInstanceOf(RemoteError)
    const [read, write] = [{ ...statement, kind: 'read' } as const, { ...statement, kind: 'write' } as const]
    await expect(connection.executeBatch([read, read])).rejects.toBeInstanceOf(RemoteError)
    await expect(connection.executeBatch([read, write])).rejects.not.toBeInstanceOf(RemoteError)
  })
})

describe('a busy lock of D1', () => {
  // miniflare answers so, but not on demand: a stand-in does.
  it.each(['insert', 'select'])('C3 is waited for (%s)', async (what) => {
    let refusals = 3
    const answer = async () => {
      if (refusals++ < 3) throw new Error('D1_ERROR: database is locked: SQLITE_BUSY')
      return { success: true, results: [], meta: { changes: 1 } }
    }
    const prepared = { bind: () => prepared, all: answer }
    const database = { prepare: () => prepared, batch: async () => [await answer()] }
    await using storage = await openStorage<{ note: { id: number } }>({ connector: d1({ database }) })
    refusals = 0

    if (what === 'insert') await storage.db.insertInto('note').values({ id: 1 }).execute()
    else await storage.db.selectFrom('note').selectAll().execute()

    expect(refusals).toBe(4)
  })
})
