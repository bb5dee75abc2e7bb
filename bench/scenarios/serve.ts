/**
 * What every server of the scenarios has in common, the old way's and ours: it listens, watches its event loop, and on
 * SIGTERM answers what has begun, closes, and prints its figures.
 *
 * @module
 */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import process from 'node:process'
import { createAdaptorServer } from '@hono/node-server'
import type { Hono } from 'hono'
import { type LoopGap, recordLoopGaps } from './loop-gaps.ts'

/** One side's server. */
export interface SideServer {
  readonly app: Hono
  /** How often it has taken the write lock. */
  lockCycles(): number
  /** Stores what there is to store; the last request was answered before. */
  close(): Promise<unknown>
}

/** What a server prints now and then, and when it has ended. */
export interface ServerFigures {
  /** Since it was started. */
  readonly lockCycles: number
  /** Told by the event loop, and so not while it is frozen. */
  readonly loop?: {
    /** In ms since the epoch. */
    readonly atMs: number
    /** Those since the line before. */
    readonly gaps: readonly LoopGap[]
  }
}

/** A server that is frozen until it is killed has told all but its last freeze. */
const figuresEveryMs = 500

/** Prints figures at once: on a pipe that is synchronous, so that a frozen server can do it, too. */
export function printLine(figures: ServerFigures): void {
  console.log(JSON.stringify(figures))
}

/** Serves until SIGTERM. */
export async function serve({ app, lockCycles, close }: SideServer): Promise<void> {
  const server = createAdaptorServer({
    async fetch(request) {
      const response = await app.fetch(request)
      // Or a client that keeps its connection open would hold up the end.
      if (!server.listening) response.headers.set('connection', 'close')
      return response
    },
  })
  // The default of 5 s would now and then close a connection in the moment that the client uses it again.
  if ('keepAliveTimeout' in server) server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const gaps = recordLoopGaps()
  const printFigures = (): void => {
    printLine({ lockCycles: lockCycles(), loop: { atMs: Date.now(), gaps: gaps.splice(0) } })
  }
  setInterval(printFigures, figuresEveryMs).unref()
  process.stdin.on('end', () => process.exit(1)).resume()
  let isEnding = false
  process.on('SIGTERM', async () => {
    // A second one must not end what is ending.
    if (isEnding) return
    isEnding = true
    await new Promise((resolve) => server.close(resolve))
    await close()
    printFigures()
    process.exit(0)
  })
  console.log(JSON.stringify({ port: (server.address() as AddressInfo).port }))
}
