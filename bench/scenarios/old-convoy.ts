/**
 * I5 the old ways: better-sqlite3 with prepared statements and BEGIN IMMEDIATE, and nothing on top. One leaves the wait to
 * SQLite's busy handler, the other lets it wait for a second and tries again by itself, a few times.
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'
import BetterSqlite3 from 'better-sqlite3'
import { type Commit, type ConvoyWay, countSql } from './convoy-way.ts'

/** How a write waits. */
export interface OldWait {
  /** Of SQLite's busy handler, which blocks the event loop. */
  readonly busyTimeoutMs: number
  /** Tries after the first, each after a pause of `minPauseMs` to `maxPauseMs`. */
  readonly retries: number
  readonly minPauseMs: number
  readonly maxPauseMs: number
}

/** The busy timeout that better-sqlite3 has by itself. */
export const busyHandler: OldWait = { busyTimeoutMs: 5_000, retries: 0, minPauseMs: 0, maxPauseMs: 0 }
/** What the team of the incident went over to. */
export const retries: OldWait = { busyTimeoutMs: 1_000, retries: 15, minPauseMs: 20, maxPauseMs: 150 }

/** Opens it. */
export function openOldConvoy(path: string, wait: OldWait): ConvoyWay {
  const sqlite = new BetterSqlite3(path, { timeout: wait.busyTimeoutMs })
  sqlite.pragma('journal_mode = wal')
  sqlite.pragma('synchronous = normal')
  const begin = sqlite.prepare('begin immediate')
  const count = sqlite.prepare(countSql)
  const commit = sqlite.prepare('commit')
  let lockCycles = 0

  async function beginPatiently(): Promise<void> {
    for (let left = wait.retries; ; left--) {
      try {
        begin.run()
        return
      } catch (error) {
        if (left === 0) throw error
        await sleep(wait.minPauseMs + Math.random() * (wait.maxPauseMs - wait.minPauseMs))
      }
    }
  }

  async function write(writer: number, holdMs: number): Promise<Commit> {
    const askedAtMs = performance.now()
    await beginPatiently()
    const grantedAtMs = performance.now()
    lockCycles++
    count.run(writer)
    if (holdMs > 0) await sleep(holdMs)
    commit.run()
    return { waitMs: grantedAtMs - askedAtMs, holdMs: performance.now() - grantedAtMs }
  }

  return {
    count: (writer) => write(writer, 0),
    countSlowly: write,
    lockCycles: () => lockCycles,
    close: async () => sqlite.close(),
  }
}
