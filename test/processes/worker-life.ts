/** What keeps a process alive, and what it leaves in it: does one thing with a storage and then nothing more. */
import process from 'node:process'
import { openStorage, type Storage } from 'unbusy'
import { args, connector, say } from './worker.ts'

// biome-ignore lint/suspicious/noExplicitAny: one table, made by the test
type AnyStorage = Storage<any>

async function open(): Promise<AnyStorage> {
  return openStorage({ connector: await connector(), onWarning: () => {} })
}

/** Everything that opens connections and starts timers. */
async function use({ db }: AnyStorage, text: string): Promise<void> {
  await db.insertInto('note').values({ text }).execute()
  await db.transaction().execute((trx) => trx.insertInto('note').values({ text }).execute())
  for await (const _ of db.selectFrom('note').selectAll().stream());
  await Promise.all(Array.from({ length: 10 }, () => db.insertInto('note').values({ text }).execute()))
}

function resources(): readonly string[] {
  return process.getActiveResourcesInfo().sort()
}

const deeds: Readonly<Record<string, () => Promise<void>>> = {
  /** Leaves a storage open. */
  async idle() {
    await use(await open(), 'idle')
    say('idle')
  },
  /** Leaves a write pending, which nothing awaits. */
  async pending() {
    const { db } = await open()
    void db.insertInto('note').values({ text: 'pending' }).execute()
    say('pending')
  },
  /** Leaves a transaction open, which is watched. */
  async begun() {
    const { db } = await open()
    const trx = await db.startTransaction().execute()
    await trx.insertInto('note').values({ text: 'begun' }).execute()
    say('begun')
  },
  /** Waits for a signal. */
  async signal() {
    await use(await open(), 'signal')
    setInterval(() => {}, 1_000)
    say({ listeners: process.listenerCount('SIGTERM') + process.listenerCount('SIGINT') })
  },
  /** Tells what is active in the process before and after. */
  async closed() {
    // The first output opens a stream of its own.
    say('start')
    const before = resources()
    const storage = await open()
    await use(storage, 'closed')
    await storage.close()
    await new Promise((resolve) => setImmediate(resolve))
    say({ before, after: resources() })
  },
}

await deeds[args[0] as string]?.()
