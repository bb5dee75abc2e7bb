/**
 * One process of the soak. Arguments: its number, how long it runs, and how often it takes a sample, both in ms. It ends
 * by itself, which shows that nothing is left that keeps it alive.
 */
import { openStorage } from 'unbusy'
import { args, connector, path, say } from '../processes/worker.ts'
import { Audit } from './audit.ts'
import type { AnyStorage, Deed } from './deed.ts'
import { createTables, deedsOf } from './deeds.ts'
import { type Counts, type End, mustHappen } from './report.ts'
import { holdings, sample } from './vitals.ts'

const [writer, durationMs, sampleEveryMs] = args.map(Number) as [number, number, number]
const patienceMs = 15_000
/** A signal that thousands of writes are given. */
const { signal } = new AbortController()

// What a runtime compiles, opens or keeps once is no leak, so everything is done for a while before it counts: on Node
// the memory was seen to grow for two minutes, with a heap that did not, and then to stay.
const { wrong } = await soak(Math.min(120_000, durationMs / 3))
const before = holdings(signal)
const end = await soak(durationMs, (now, counts) => say(['sample', now, counts]))
say(['end', { ...end, wrong: [...wrong, ...end.wrong], before, after: holdings(signal) }])

/** A storage from its opening to its close. */
async function soak(
  forMs: number,
  onSample?: (now: ReturnType<typeof sample>, counts: Counts) => void,
): Promise<Omit<End, 'before' | 'after'>> {
  const storage: AnyStorage = await openStorage({
    connector: await connector(),
    onWarning: () => {},
    // The thread that checkpoints starts when the WAL is big, and stays: it has to be there before it counts.
    ...(onSample === undefined && { checkpointWalBytes: 65_536 }),
  })
  await createTables(storage)
  const audit = new Audit(storage, writer)
  const counts: Record<string, number> = {}
  const startMs = performance.now()
  const isOver = (): boolean => {
    const restMs = forMs - (performance.now() - startMs)
    if (restMs > 0) return false
    // A run of seconds on a machine that has much else to do may not have met a foreign lock yet.
    return onSample === undefined || restMs < -patienceMs || mustHappen.every((name) => name in counts)
  }

  async function repeat({ name, pauseMs, run }: Deed): Promise<void> {
    while (!isOver()) {
      const n = audit.begin()
      try {
        const { rows, as = name } = await run(n)
        audit.end(n, rows)
        counts[as] = (counts[as] ?? 0) + 1
      } catch (error) {
        audit.complain(`${name}: ${error}`)
        // Or a failure that repeats would fill the memory, and this process would look as if it leaked.
        await pause(1_000)
      }
      await pause(Math.random() * 2 * pauseMs)
    }
  }

  async function every(ms: number, work: () => Promise<void> | void): Promise<void> {
    while (!isOver()) {
      await pause(ms)
      await work()
    }
  }

  await Promise.all([
    ...deedsOf({ storage, writer, connect: connector, signal }).map(repeat),
    every(Math.min(2_000, forMs / 4), () => audit.sweep()),
    every(sampleEveryMs, () => onSample?.(sample(startMs, `${path}-wal`), counts)),
  ])
  await audit.close().catch((error) => audit.complain(`last look: ${error}`))
  for (const [what, count] of Object.entries(await storage.close()))
    if (count !== 0) audit.complain(`close: ${what} is ${count}`)
  await new Promise((resolve) => setImmediate(resolve))
  return { counts, verified: audit.verified, wrong: audit.wrong }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
