/**
 * For tests of programs that use this library: a foreign lock that is really held, and time that does not pass by itself.
 * Needs a runtime with child processes: Node, Bun or Deno.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { BeginMode } from '../connector.ts'
import type { Clock } from '../time/clock.ts'

/** A write lock that another process holds. */
export interface HeldLock extends AsyncDisposable {
  /** Ends the hold now; resolves when the lock is free. */
  release(): Promise<void>
  /** Resolves when the lock is free, with the time of the release in ms since the epoch, taken by the holder. */
  readonly released: Promise<number>
}

/** How {@linkcode holdLock} runs its process. */
export interface HoldLockOptions {
  /**
   * A program and its leading arguments that run JavaScript text given as the last one and have `node:sqlite`, such as
   * `['node', '-e']`. @default {the runtime that this runs on}
   */
  readonly command?: readonly [program: string, ...args: string[]]
  /**
   * How the holder begins: `exclusive` keeps readers out too where the journal is no WAL; `deferred` takes the lock of a
   * reader, which no writer can commit against there, and which pins the WAL elsewhere. @default {'immediate'}
   */
  readonly begin?: BeginMode
}

/**
 * Holds the write lock of a database from another process: inside one process two SQLite libraries do not see each
 * other's locks, and one would wait for itself.
 *
 * @param path The database file; it must exist.
 * @param ms How long to hold the lock, in milliseconds.
 * @returns Once the lock is held.
 * @throws {Error} If the other process could not take the lock.
 *
 * @example
 * ```ts
 * await using lock = await holdLock('app.db', 3_000)
 * await storage.db.insertInto('note').values({ text: 'patient' }).execute() // waits, and the event loop does not
 * ```
 */
export async function holdLock(path: string, ms: number, options: HoldLockOptions = {}): Promise<HeldLock> {
  const [program, ...args] = options.command ?? evalCommand()
  const child = spawn(program, [...args, holderProgram(path, ms, options.begin ?? 'immediate')], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const errors: string[] = []
  child.stderr.on('data', (text) => errors.push(String(text)))
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  // A program that is not there ends neither itself nor its output on every runtime; it only tells so.
  const missing = new Promise<never>((_, reject) => child.on('error', reject))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  try {
    if ((await Promise.race([lines.next(), missing])).value !== 'held') {
      await exited
      throw new Error(errors.join('').trim())
    }
  } catch (cause) {
    throw new Error(`Cannot hold the lock of ${path}: ${(cause as Error).message}`, { cause })
  }
  const released = lines.next().then(async ({ value }) => {
    await exited
    return Number(value)
  })
  const release = async (): Promise<void> => {
    child.stdin.end()
    await released
  }
  return { release, released, [Symbol.asyncDispose]: release }
}

/** A timer that is longer fires at once: to hold a lock until it is released, `Infinity` is a time too. */
const maxTimerMs = 2 ** 31 - 1

function evalCommand(): readonly [string, ...string[]] {
  return 'Deno' in globalThis ? [process.execPath, 'eval'] : [process.execPath, '-e']
}

/** Plain JavaScript with dynamic imports: it must run as an argument of every runtime, as a script or as a module. */
function holderProgram(path: string, ms: number, begin: BeginMode): string {
  return `import('node:sqlite').then(({ DatabaseSync }) => {
    const database = new DatabaseSync(${JSON.stringify(path)}, { timeout: 10000 })
    database.prepare('BEGIN ${begin}').run()
    database.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').all()
    console.log('held')
    const end = () => {
      database.prepare('COMMIT').run()
      console.log(Date.now())
      database.close()
      process.exit(0)
    }
    setTimeout(end, ${Math.min(ms, maxTimerMs)})
    import('node:process').then(({ default: process }) => process.stdin.on('end', end).resume())
  })`
}

/** A clock that stands still until it is told to go on. */
export interface TestClock extends Clock {
  /** Lets time pass; what was scheduled for that time is called in order, each in a turn of its own. */
  advance(ms: number): Promise<void>
  /** How many callbacks wait for their time. */
  readonly pending: number
}

/**
 * Time and chance under the control of a test.
 *
 * @param random The source of chance; give it a {@linkcode seededRandom} for a different run that can be repeated.
 */
export function testClock(random: () => number = () => 0.5): TestClock {
  let nowMs = 0
  const timers = new Set<{ readonly atMs: number; readonly callback: () => void }>()
  return {
    now: () => nowMs,
    random,
    schedule(delayMs, callback) {
      const timer = { atMs: nowMs + delayMs, callback }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    get pending() {
      return timers.size
    },
    async advance(ms) {
      const endMs = nowMs + ms
      while (true) {
        // What a callback set off may schedule again within this time.
        await new Promise((resolve) => setImmediate(resolve))
        const due = [...timers].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0]
        if (due === undefined) break
        nowMs = Math.max(nowMs, due.atMs)
        timers.delete(due)
        due.callback()
      }
      nowMs = endMs
    },
  }
}

/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
