/**
 * The thread that checkpoints: one for all storages of the process, as requests and answers.
 *
 * @module
 */
import { type Answer, checkpointScript, type Request } from './_checkpoint-script.ts'

/** The part of a worker of `node:worker_threads` that is used. */
interface NodeWorker {
  on(event: 'message', listener: (answer: Answer) => void): unknown
  on(event: 'error' | 'messageerror', listener: (error: unknown) => void): unknown
  on(event: 'exit', listener: (code: number) => void): unknown
  postMessage(message: unknown): void
  ref(): void
  unref(): void
  terminate(): unknown
}

/** The thread of this process; the next request after its death starts another one. */
let running: CheckpointThread | undefined

/** Ends the thread as a crash would, for tests of what the others make of it. */
export async function killCheckpointThread(): Promise<void> {
  await running?.kill()
}

/** A worker thread and the requests that it has not answered. */
export class CheckpointThread {
  readonly #worker: NodeWorker
  readonly #pending = new Map<number, PromiseWithResolvers<Answer>>()
  #lastId = 0
  #diedOf: unknown

  private constructor(worker: NodeWorker) {
    this.#worker = worker
    worker.on('message', (answer) => this.#settle(answer))
    worker.on('error', (error) => this.#die(error))
    worker.on('messageerror', (error) => this.#die(error))
    worker.on('exit', (code) => this.#die(new Error(`The checkpoint worker exited with code ${code}`)))
    worker.unref()
  }

  static async running(): Promise<CheckpointThread> {
    // Loaded here, as not every runtime has it.
    const { Worker } = await import('node:worker_threads')
    // The flags of the program are not for this thread: a loader would run in it once more.
    const options = { eval: true, name: 'unbusy-checkpoint', execArgv: [] }
    running ??= new CheckpointThread(new Worker(checkpointScript, options) as NodeWorker)
    return running
  }

  get isAlive(): boolean {
    return this.#diedOf === undefined
  }

  /** Rejects with what the driver threw, or with the reason why the thread is gone. */
  ask(request: Request): Promise<Answer> {
    if (this.#diedOf !== undefined) return Promise.reject(this.#diedOf)
    const id = ++this.#lastId
    const pending = Promise.withResolvers<Answer>()
    // Somebody waits for the answer, so the process must last until it is there; and not a moment longer.
    if (this.#pending.size === 0) this.#worker.ref()
    this.#pending.set(id, pending)
    this.#worker.postMessage({ id, ...request })
    return pending.promise
  }

  async kill(): Promise<void> {
    await this.#worker.terminate()
    // Deno tells nobody.
    this.#die(new Error('The checkpoint worker was terminated'))
  }

  #settle(answer: Answer): void {
    const pending = this.#pending.get(answer.id)
    this.#pending.delete(answer.id)
    if (this.#pending.size === 0) this.#worker.unref()
    const { error } = answer
    if (error === undefined) pending?.resolve(answer)
    else pending?.reject(Object.assign(new Error(error.message), error))
  }

  #die(reason: unknown): void {
    if (this.#diedOf !== undefined) return
    this.#diedOf = reason
    if (running === this) running = undefined
    for (const { reject } of this.#pending.values()) reject(reason)
    this.#pending.clear()
  }
}
