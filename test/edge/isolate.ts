/**
 * Starts workerd, by way of miniflare, with a bundle of sources of this repository and empty D1 databases.
 *
 * @module
 */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { Miniflare, type MiniflareOptions } from 'miniflare'
import { binary } from '../processes/peer.ts'

/** A workerd process with one Worker in it. */
export interface Isolate extends AsyncDisposable {
  /** Sends a request to the Worker. */
  fetch(init?: {
    readonly method: string
    readonly body: string
    readonly signal: AbortSignal
  }): Promise<Response>
}

/** What the Worker has. */
export interface IsolateOptions {
  /** Whether it brings contract cases, and what of Node `expect` is written for. */
  readonly hasCases: boolean
  /** The names of its D1 bindings. @default none */
  readonly databases?: readonly string[]
  /** Its variables. @default none */
  readonly variables?: Readonly<Record<string, string>>
}

/** Bundles a module of this folder and runs it. */
export async function startIsolate(
  entry: string,
  { hasCases, databases = [], variables = {} }: IsolateOptions,
): Promise<Isolate> {
  const contents = await bundle(entry, hasCases)
  const folder = await mkdtemp(join(tmpdir(), 'unbusy-isolate-'))
  const miniflare = startIn(folder, {
    modules: [{ type: 'ESModule', path: 'worker.js', contents }],
    compatibilityDate: '2026-07-01',
    compatibilityFlags: hasCases ? ['nodejs_compat'] : ['disallow_eval_during_startup'],
    d1Databases: [...databases],
    bindings: { ...variables },
  })
  await miniflare.ready
  return {
    async fetch(init) {
      const response = await miniflare.dispatchFetch('http://isolate/', { ...init })
      return response as unknown as Response
    },
    async [Symbol.asyncDispose]() {
      await miniflare.dispose()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** With its files in a folder that is ours: it does not wait until it has removed them, and the tests are over by then. */
function startIn(folder: string, options: MiniflareOptions): Miniflare {
  const { TMPDIR = tmpdir() } = process.env
  process.env.TMPDIR = folder
  try {
    return new Miniflare(options)
  } finally {
    process.env.TMPDIR = TMPDIR
  }
}

async function bundle(entry: string, hasCases: boolean): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'unbusy-edge-'))
  try {
    const args = [join(import.meta.dirname, 'bundle.ts'), join(import.meta.dirname, entry), folder]
    const { stdout } = await promisify(execFile)(binary('bun'), hasCases ? [...args, '--cases'] : args)
    return await readFile(stdout.trim(), 'utf8')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
