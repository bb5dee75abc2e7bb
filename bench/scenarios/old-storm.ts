/**
 * I3 the old way: bun:sqlite with WAL and synchronous=NORMAL, and no busy timeout. What meets a lock fails at once, and is
 * run again at once.
 *
 * @module
 */
import { Database } from 'bun:sqlite'
import type { StormWay } from './storm-way.ts'

/** The incident had no bound, and hung. */
const maxTries = 200

/** Opens it. */
export function openOldStorm(path: string): StormWay {
  const database = again(() => {
    const opened = new Database(path)
    opened.run('pragma journal_mode = wal')
    opened.run('pragma synchronous = normal')
    return opened
  })
  let lockCycles = 0
  const write = (sql: string, ...values: (string | number)[]): number => {
    const { changes } = again(() => database.query(sql).run(...values))
    lockCycles++
    return changes
  }
  return {
    register: (session, owner) =>
      write('insert or replace into presence (session, owner) values (?, ?)', session, owner),
    // Seen from this process it is the whole row.
    heartbeat: (session) =>
      write('insert or replace into session (id, last_active_at) values (?, ?)', session, Date.now()),
    record: (event) => write('insert into event (id) values (?)', event),
    leave: (session) => write('delete from presence where session = ?', session) > 0,
    lockCycles: () => lockCycles,
    close: () => database.close(),
  }
}

function again<T>(work: () => T): T {
  for (let left = maxTries; ; left--) {
    try {
      return work()
    } catch (error) {
      if (left === 0 || (error as { code?: string }).code !== 'SQLITE_BUSY') throw error
    }
  }
}
