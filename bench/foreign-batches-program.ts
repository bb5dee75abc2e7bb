/**
 * The foreign process: `path holdMs pauseMs`. Writes batches until its input ends, then prints how long each of them
 * held the lock, as JSON.
 *
 * @module
 */
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'

const [path = '', holdMs = '50', pauseMs = '50'] = process.argv.slice(2)
const database = new DatabaseSync(path, { timeout: 0 })
database.exec('PRAGMA synchronous = normal')
// Checkpoints come after the lock is free: in here they would count as part of the hold.
database.exec('PRAGMA wal_autocheckpoint = 0')
const insert = database.prepare('insert into foreign_batch (n) values (?)')
const holds: number[] = []
let isOver = false
process.stdin.on('end', () => {
  isOver = true
})
process.stdin.resume()

while (!isOver) {
  const heldSinceMs = await begin()
  if (holds.length === 0) console.log('held')
  insert.run(holds.length)
  await sleep(Number(holdMs))
  database.exec('COMMIT')
  holds.push(performance.now() - heldSinceMs)
  await sleep(Number(pauseMs))
}
console.log(JSON.stringify(holds))
database.close()

/** Polls, as SQLite's own wait would sleep for longer and longer. */
async function begin(): Promise<number> {
  while (true) {
    try {
      database.exec('BEGIN IMMEDIATE')
      return performance.now()
    } catch (error) {
      if (!String(error).includes('locked')) throw error
      await sleep(1)
    }
  }
}
