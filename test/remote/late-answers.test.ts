/** What is on its way to a server that answers late, when somebody's time is over. */
import type { Kysely } from 'kysely'
import { OutcomeUnknownError, StorageClosedError } from 'unbusy'
import { testClock } from 'unbusy/testing'
import { describe, expect, it } from 'vitest'
import { nothingLost, rejection } from '../contract/note.ts'
import { run } from '../contract/run-sql.ts'
import { type AnyDatabase, countNotes, transports, useServer } from './remote-storage.ts'

const remote = useServer({ txnTimeoutMs: 30_000, streamIdleMs: 30_000 })
const schema = 'create table note (id integer primary key, text unique)'
const addNote = (db: Kysely<AnyDatabase>): Promise<void> => run(db, "insert into note (text) values ('late')")

/** The next request of this text is answered so much later. */
async function answerLate(matching: string, ms = 500): Promise<void> {
  await remote.server.reset()
  await remote.server.faults({ script: [{ fault: { kind: 'delay', when: 'after', ms }, matching }] })
}

async function untilSent(text: string): Promise<void> {
  while (!JSON.stringify(await remote.server.requests()).includes(text)) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

describe.each(transports)('late answers over %s', (transport) => {
  it('C15 a COMMIT that was on its way when close() stopped waiting is told as what it is: stored', async () => {
    const storage = await remote.open(transport, { drainTimeoutMs: 20 })
    await run(storage.db, schema)
    await answerLate('COMMIT')
    const writing = storage.write(addNote)
    await untilSent('COMMIT')

    expect(await storage.close()).toEqual(nothingLost)

    await writing
    expect(await countNotes(await remote.open(transport))).toBe(1)
  })

  it('C11 a COMMIT that was on its way at maxTransactionMs is told as what it is: stored', async () => {
    const clock = testClock()
    const events: unknown[] = []
    const storage = await remote.open(transport, {
      clock,
      maxTransactionMs: 1_000,
      onWarning: (_message, event) => events.push(event),
    })
    await run(storage.db, schema)
    await answerLate('COMMIT')
    const writing = storage.write(addNote)
    await untilSent('COMMIT')

    await clock.advance(1_000)

    await writing
    expect(await countNotes(storage)).toBe(1)
    expect(events).not.toContainEqual(expect.objectContaining({ isEnded: true }))
  })

  it('C16 a COMMIT whose answer was lost when maxTransactionMs was over has an unknown outcome', async () => {
    const clock = testClock()
    const storage = await remote.open(
      transport,
      { clock, maxTransactionMs: 1_000 },
      { requestTimeoutMs: 400 },
    )
    await run(storage.db, schema)
    await answerLate('COMMIT', 2_000)
    const writing = rejection(storage.write(addNote))
    await untilSent('COMMIT')

    await clock.advance(1_000)

    expect(await writing).toBeInstanceOf(OutcomeUnknownError)
  })

  it('C15 a transaction whose BEGIN was on its way when close() stopped waiting does not begin', async () => {
    const storage = await remote.open(transport, { drainTimeoutMs: 20 })
    await run(storage.db, schema)
    await answerLate('BEGIN')
    let hasBegun = false
    const writing = rejection(
      storage.write(() => {
        hasBegun = true
        return new Promise(() => {})
      }),
    )
    await untilSent('BEGIN')

    expect(await storage.close()).toEqual({ ...nothingLost, rejectedWrites: 1 })

    expect(await writing).toBeInstanceOf(StorageClosedError)
    expect(hasBegun).toBe(false)
  })
})
