/**
 * I1 our way: the demo itself. Its presence goes into a coalescing buffer that is flushed with one statement in the
 * background lane, its registrations take the control lane.
 *
 * @module
 */
import process from 'node:process'
import { upgradeWebSocket } from '@hono/node-server'
import { createApp } from '../../examples/hono-server/app.ts'
import { openDatabase } from '../../examples/hono-server/database.ts'
import { drain } from '../../examples/hono-server/drain.ts'
import { readPage } from '../../examples/hono-server/page-files.ts'
import { Services } from '../../examples/hono-server/services.ts'
import { flushEveryMs } from './presence.ts'
import { serve } from './serve.ts'

const database = await openDatabase({ url: `file:${process.argv[2]}` })
const services = new Services(database.storage, { presenceFlushMs: flushEveryMs })

await serve({
  app: createApp({ services, upgradeWebSocket, readPage }),
  lockCycles: () => database.storage.stats().lockCycles,
  async close() {
    services.stop()
    console.error(await drain(services, database))
  },
})
