/**
 * close() at a random moment of everything a storage can do, from a seed: what was called before it is drained, what is
 * called after it is done or refused, what was acknowledged is stored, what was refused is absent, and nothing is left.
 *
 * @module
 */
import { sql } from 'kysely'
import { type AppendQueue, type PreparedQuery, type Storage, StorageClosedError } from 'unbusy'
import { seededRandom } from 'unbusy/testing'
import { expect } from 'vitest'
import { type AnyDatabase, type CaseContext, describeContract } from './case.ts'
import { databaseFiles } from './database-files.ts'
import { nothingLost } from './note.ts'

const runs = 10
const calls = 60

/** One storage and what was called on it. */
interface Play {
  readonly storage: Storage<AnyDatabase>
  readonly insert: PreparedQuery<{ text: string }, unknown>
  readonly rows: AppendQueue<AnyDatabase>
  /** A pause of 0 to 2 turns, or of some milliseconds. */
  pause(): Promise<void>
}

/** A call writes notes of these texts, all or none of them. Those of a call that only reads are none. */
type Call = (play: Play, texts: readonly [string, string]) => Promise<unknown>

const insertInto = (db: Pick<Play['storage']['db'], 'insertInto'>, text: string) =>
  db.insertInto('note').values({ text })

const writing: Readonly<Record<string, Call>> = {
  write: ({ storage }, texts) =>
    storage.db
      .insertInto('note')
      .values(texts.map((text) => ({ text })))
      .execute(),
  'write in a lane': ({ storage }, texts) =>
    storage
      .with({ lane: 'control' })
      .insertInto('note')
      .values(texts.map((text) => ({ text })))
      .execute(),
  batch: ({ storage }, [a, b]) => storage.batch([insertInto(storage.db, a), insertInto(storage.db, b)]),
  prepared: async ({ insert }, [a, b]) => Promise.all([insert({ text: a }), insert({ text: b })]),
  bulk: ({ storage }, texts) =>
    storage.repository('note', { key: 'text' }).insertMany(texts.map((text) => ({ text }))),
  transaction: ({ storage, pause }, [a, b]) =>
    storage.write(async (trx) => {
      await insertInto(trx, a).execute()
      await pause()
      await insertInto(trx, b).execute()
      await pause()
    }),
  'controlled transaction': async ({ storage, pause }, [a, b]) => {
    const trx = await storage.db.startTransaction().execute()
    await insertInto(trx, a).execute()
    await pause()
    await insertInto(trx, b).execute()
    await trx.commit().execute()
  },
  'raw transaction': ({ storage, pause }, [a, b]) =>
    storage.db.connection().execute(async (connection) => {
      await sql`begin`.execute(connection)
      await insertInto(connection, a).execute()
      await pause()
      await insertInto(connection, b).execute()
      await sql`commit`.execute(connection)
    }),
  'append and flush': async ({ storage, rows }, [a, b]) => {
    const pushed = [rows.push({ text: a }), rows.push({ text: b })]
    if (pushed.some(({ accepted }) => !accepted)) throw new StorageClosedError('not accepted')
    await storage.flush()
  },
  append: async ({ rows }, [a, b]) => {
    const pushed = [rows.push({ text: a }), rows.push({ text: b })]
    if (pushed.some(({ accepted }) => !accepted)) throw new StorageClosedError('not accepted')
  },
}

const reading: Readonly<Record<string, Call>> = {
  read: ({ storage }) => storage.db.selectFrom('note').selectAll().execute(),
  stream: async ({ storage, pause }) => {
    for await (const _ of storage.db.selectFrom('note').selectAll().limit(5).stream(1)) await pause()
  },
  'stream that is left': async ({ storage, pause }) => {
    for await (const _ of storage.db.selectFrom('note').selectAll().stream(1)) {
      await pause()
      break
    }
  },
  'read-only transaction': ({ storage, pause }) =>
    storage.db
      .transaction()
      .setAccessMode('read only')
      .execute(async (trx) => {
        const before = await trx.selectFrom('note').selectAll().execute()
        await pause()
        expect(await trx.selectFrom('note').selectAll().execute()).toEqual(before)
      }),
  'transaction that fails': async ({ storage, pause }) => {
    const failing = storage.write(async (trx) => {
      await insertInto(trx, 'rolled back').execute()
      await pause()
      throw new TypeError('on purpose')
    })
    await failing.catch((error) => {
      if (!(error instanceof TypeError)) throw error
    })
  },
}

async function play(context: CaseContext, seed: number): Promise<void> {
  const random = seededRandom(seed)
  const oneOf = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const turn = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve))
  const pause = async (): Promise<void> => {
    for (let turns = Math.floor(random() * 3); turns > 0; turns--) await oneOf([turn, async () => {}])()
  }
  const storage = await context.open()
  await sql`create table if not exists note (text text primary key)`.execute(storage.db)
  const insert = storage.prepare((db, p: { text: string }) => insertInto(db, p.text))
  const rows = storage.append({ table: 'note', intervalMs: 5 })
  const playing: Play = { storage, insert, rows, pause }
  const closeAfter = Math.floor(random() * calls)
  // While buffers drain, everything else mostly finishes: half of the plays have none.
  const all = [...Object.entries(writing), ...Object.entries(reading)].filter(
    ([name]) => seed % 2 === 0 || !name.startsWith('append'),
  )
  const outcomes: Promise<{ name: string; texts: readonly string[]; isEarly: boolean; error?: unknown }>[] =
    []
  let closing: ReturnType<typeof storage.close> | undefined

  for (let index = 0; index < calls; index++) {
    if (index === closeAfter) closing = storage.close()
    const [name, call] = oneOf(all)
    const texts = [`${seed} ${index} a`, `${seed} ${index} b`] as const
    const outcome = { name, texts: name in writing ? texts : [], isEarly: closing === undefined }
    outcomes.push(
      call(playing, texts).then(
        () => outcome,
        (error) => ({ ...outcome, error }),
      ),
    )
    if (random() < 0.15) await pause()
  }
  const report = await closing
  const settled = await Promise.all(outcomes)

  expect(report, `seed ${seed}`).toEqual(nothingLost)
  for (const { name, isEarly, error } of settled) {
    if (error === undefined) continue
    expect(error, `${name}, seed ${seed}`).toBeInstanceOf(StorageClosedError)
    expect(isEarly, `${name} was called before close(), seed ${seed}`).toBe(false)
  }
  const acknowledged = settled.flatMap(({ error, texts }) => (error === undefined ? texts : []))
  const stored = await context.peer(`select text from note where text like '${seed} %' order by text`)
  expect(
    stored.map(({ text }) => text),
    `seed ${seed}`,
  ).toEqual(acknowledged.sort())
  expect(storage.stats()).toMatchObject({ openReaders: 0, queuedWrites: 0 })
  expect(await databaseFiles(context)).toEqual(['case.db'])
}

describeContract('close interleavings', [
  {
    name: `C15 close() at a random moment of ${calls} calls, ${runs} times`,
    timeoutMs: 60_000,
    async run(context) {
      for (let seed = 1; seed <= runs; seed++) await play(context, Number(process.env.SEED ?? seed))
    },
  },
  {
    name: 'C15 what was called in the turn of close() and before it is drained, what is called after it is refused',
    async run({ open, peer }) {
      const storage = await open()
      await sql`create table note (text text primary key)`.execute(storage.db)
      const insert = storage.prepare((db, p: { text: string }) => insertInto(db, p.text))
      const rows = storage.append({ table: 'note' })
      const playing: Play = { storage, insert, rows, pause: async () => {} }
      const every = Object.entries({ ...writing, ...reading }).filter(([name]) => !name.startsWith('append'))
      const call = (when: string) =>
        Promise.allSettled(
          every.map(([name, run]) => run(playing, [`${when} ${name} a`, `${when} ${name} b`])),
        )

      const before = call('before')
      const closing = storage.close()
      const after = call('after')

      expect(await closing).toEqual(nothingLost)
      const named = (settled: readonly PromiseSettledResult<unknown>[]) =>
        settled.map((result, index) => `${every[index]?.[0]}: ${result.status}`)
      expect(named(await before)).toEqual(every.map(([name]) => `${name}: fulfilled`))
      expect(named(await after)).toEqual(every.map(([name]) => `${name}: rejected`))
      for (const result of await after)
        if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(StorageClosedError)
      expect(await peer("select count(*) as n from note where text like 'after%'")).toEqual([{ n: 0 }])
      const written = Object.keys(writing).filter((name) => !name.startsWith('append')).length
      expect(await peer('select count(*) as n from note')).toEqual([{ n: 2 * written }])
    },
  },
])
