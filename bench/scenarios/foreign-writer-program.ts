/**
 * The process behind `foreign-writer.ts`. It uses another driver than the servers, as a stranger would.
 *
 * @module
 */
import process from 'node:process'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bursts } from './foreign-writer.ts'

const [path = '', bursts = ''] = process.argv.slice(2)
const { holdMs, gapMs, batches, pauseMs } = JSON.parse(bursts) as Bursts
const database = new DatabaseSync(path, { timeout: 10_000 })
database.exec('pragma synchronous = normal')
const insert = database.prepare('insert into foreign_row (batch) values (hex(randomblob(100)))')
let askedHoldMs: number | undefined
let hasBegun = false

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const told = JSON.parse(line) as 'begin' | { readonly holdMs: number }
    if (told !== 'begin') askedHoldMs = told.holdMs
    else if (!hasBegun) void writeInBursts()
  })
  .on('close', () => {
    // So that it leaves no WAL behind.
    database.close()
    process.exit(0)
  })
console.log('"ready"')

async function writeInBursts(): Promise<never> {
  hasBegun = true
  while (true) {
    for (let batch = 0; batch < batches; batch++) {
      await writeBatch()
      await sleep(gapMs)
    }
    await sleep(askedHoldMs === undefined ? pauseMs : 0)
  }
}

async function writeBatch(): Promise<void> {
  database.exec('begin immediate')
  const asked = askedHoldMs
  askedHoldMs = undefined
  if (asked !== undefined) console.log('"held"')
  for (let row = 0; row < 20; row++) insert.run()
  await sleep(asked ?? holdMs)
  database.exec('commit')
}
