/**
 * A worker thread that dies while its storage holds the write lock: the storages of the other threads go on, unless the
 * driver leaves the thread's handle open for as long as the process lives.
 *
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { connectorNames, runtime } from '../contract/matrix.ts'
import { peerQuery } from './peer.ts'
import { startProgram } from './program.ts'

/** `process.exit()` in the thread takes the same way as `terminate()`. */
const ends = ['terminate', 'throw']

it.each(connectorNames)(
  `C5 a worker thread on ${runtime} with %s that dies in a transaction: nothing of it is stored, and others go on`,
  { timeout: 60_000 },
  async (connector) => {
    const folder = await mkdtemp(join(tmpdir(), 'unbusy-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const path = join(folder, 'threads.db')
    await peerQuery(path, ['pragma journal_mode = wal', 'create table note (text text)'])
    // There the thread's native objects are not finalized at its end, and its locks are those of the process.
    const isHeld = connector === 'libsql' && runtime !== 'node'
    const tried = isHeld ? ends.slice(0, 1) : ends

    const program = startProgram(
      'worker-thread-end',
      { runtime, connector, path },
      ...[connector, isHeld ? '500' : '20000', ...tried],
    )
    onTestFinished(() => program[Symbol.asyncDispose]())

    const outcome = isHeld ? 'LockTimeoutError' : 'written'
    expect(await program.next()).toEqual({ outcomes: tried.map(() => outcome), integrity_check: 'ok' })
    expect(await program.ended).toBe(0)
    const stored = isHeld
      ? ['committed by the thread']
      : tried.flatMap((end) => ['committed by the thread', `waited for ${end}`])
    expect(await peerQuery(path, ['select text from note order by rowid'])).toEqual(
      stored.map((text) => ({ text })),
    )
  },
)
