/**
 * One process that writes and is killed, as its parent sees it.
 *
 * @module
 */
import { type ProgramTarget, startProgram } from '../processes/program.ts'
import type { Ledger } from './ledger.ts'
import type { Found, Message } from './messages.ts'

/** What a process does beside writing. */
export type Life = 'load' | 'checkpoint' | 'look'

/** Nothing takes longer, also on a machine that has much else to do. */
const patienceMs = 30_000

/** A process that runs. Disposing of it kills it. */
export interface Writer extends AsyncDisposable {
  readonly id: number
  /** Writes that its parent has read of. */
  readonly acknowledged: number
  /** What it found when it had opened the database, and what was wrong with that. */
  readonly found: Found | undefined
  readonly wrong: readonly string[]
  /** How many writes and buffered rows its `close()` could not write; undefined before it has closed. */
  readonly lost: number | undefined
  /** Whether it has said so. */
  has(said: Message[0]): boolean
  /** Resolves once `condition` holds. @throws {Error} With its stderr, if it has ended before. */
  until(condition: () => boolean): Promise<void>
  /** Tells it to close. */
  close(): void
  /** Kills it and resolves, with whether it had not ended by itself, once all that it said has been read. */
  kill(): Promise<boolean>
  /** Resolves once it has ended: with its exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>
}

/** Starts a process; what it is acknowledged goes into the ledger. */
export function startWriter(target: ProgramTarget, id: number, life: Life, ledger: Ledger): Writer {
  ledger.started(id)
  const program = startProgram('../kill/worker', target, String(id), life, String(ledger.lastEnded))
  const said = new Set<Message[0]>()
  const watchers = new Set<() => void>()
  let acknowledged = 0
  let found: Found | undefined
  let wrong: readonly string[] = []
  let lost: number | undefined
  let ending: unknown

  async function read(): Promise<void> {
    while (true) {
      const message = await program.next<Message>()
      said.add(message[0])
      if (message[0] === 'done') {
        ledger.note(id, message[1], message[2])
        acknowledged++
      } else if (message[0] === 'found') {
        found = message[1]
        wrong = ledger.check(found)
      } else if (message[0] === 'closed') lost = message[1]
      for (const watch of watchers) watch()
    }
  }
  // It ends by an error: that there is no next line, or that the kill cut the last one short.
  const reading = read().catch((error) => {
    ending = error
    ledger.ended(id)
    for (const watch of watchers) watch()
  })

  return {
    id,
    get acknowledged() {
      return acknowledged
    },
    get found() {
      return found
    },
    get wrong() {
      return wrong
    },
    get lost() {
      return lost
    },
    ended: program.ended,
    has: (word) => said.has(word),
    close: () => program.tell('close'),
    until: (condition) =>
      new Promise((resolve, reject) => {
        const leave = (settle: () => void): void => {
          clearTimeout(timer)
          watchers.delete(watch)
          settle()
        }
        const watch = (): void => {
          if (condition()) leave(resolve)
          else if (ending !== undefined) leave(() => reject(ending))
        }
        const late = (): void =>
          reject(new Error(`Process ${id} was still waited for after ${patienceMs} ms: ${[...said]}`))
        const timer = setTimeout(() => leave(late), patienceMs)
        watchers.add(watch)
        watch()
      }),
    async kill() {
      program.kill('SIGKILL')
      await reading
      return (await program.ended) === 'SIGKILL'
    },
    async [Symbol.asyncDispose]() {
      await program[Symbol.asyncDispose]()
      await reading
    },
  }
}
