/**
 * C3: programs in other languages hold the lock. On Node only: every holder is a process of its own anyway. Where a
 * program is missing, its test is skipped and says so.
 *
 * @runs-alone it measures how still the event loop stands
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { openStorage } from 'unbusy'
import { describe, expect, it } from 'vitest'
import type { AnyDatabase } from '../contract/case.ts'
import { watchLoop } from '../contract/loop-gaps.ts'
import { connectorNames, connectorTo, runtime } from '../contract/matrix.ts'
import { addNote, createNotes, notes } from '../contract/note.ts'

interface Holder {
  readonly command: string
  /** Shows that the program is there. */
  readonly probe: readonly string[]
  readonly args: (path: string) => readonly string[]
  /** What it is told to take the lock, and then to give it back; each answers with a line. */
  readonly take: string
  readonly giveBack: string
}

const python = `
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement in sys.stdin:
    connection.execute(statement)
    print('done', flush=True)
`

const holders: readonly Holder[] = [
  {
    command: 'python3',
    probe: ['-c', 'import sqlite3'],
    args: (path) => ['-c', python, path],
    take: 'BEGIN IMMEDIATE\n',
    giveBack: 'COMMIT\n',
  },
  {
    command: 'sqlite3',
    probe: ['--version'],
    args: (path) => [path],
    take: "BEGIN IMMEDIATE; SELECT 'done';\n",
    giveBack: "COMMIT; SELECT 'done';\n",
  },
]

/** A wait that blocks stands still for all of it; a busy machine does for some of it. */
const holdMs = 1_000

async function waitFor({ command, args, take, giveBack }: Holder): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'unbusy-holder-'))
  const path = join(folder, 'held.db')
  const name = connectorNames[0] ?? 'node-sqlite'
  const connector = await connectorTo(name, path)
  const storage = await openStorage<AnyDatabase>({ connector, onWarning: () => {} })
  await createNotes(storage.db)
  const holder = spawn(command, args(path), { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(holder, 'exit')
  const lines = createInterface({ input: holder.stdout })[Symbol.asyncIterator]()
  const tell = async (text: string): Promise<void> => {
    holder.stdin.write(text)
    expect((await lines.next()).value).toBe('done')
  }
  try {
    await tell(take)
    const loop = watchLoop()
    let isWritten = false
    const writing = addNote(storage.db, 'patient').then(() => {
      isWritten = true
    })
    await new Promise((resolve) => setTimeout(resolve, holdMs))
    expect(await notes(storage.db)).toEqual([])
    expect(isWritten).toBe(false)
    await tell(giveBack)
    const freeAtMs = performance.now()
    await writing
    expect(performance.now() - freeAtMs).toBeLessThan(holdMs / 2)
    expect(loop.worstGapMs()).toBeLessThan(holdMs / 2)
    expect(await notes(storage.db)).toEqual(['patient'])
  } finally {
    holder.stdin.end()
    await ended
    await storage.close()
    await rm(folder, { recursive: true, force: true })
  }
}

describe.runIf(runtime === 'node')('locks of other languages (on Node only)', () => {
  for (const holder of holders) {
    const isThere = spawnSync(holder.command, holder.probe).status === 0
    const reason = isThere ? '' : ` (not here: ${holder.command} is not installed)`
    it.runIf(isThere)(`C3 a write waits for a lock that ${holder.command} holds${reason}`, () =>
      waitFor(holder),
    )
  }
})
