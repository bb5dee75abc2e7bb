/**
 * What a process can tell of itself, on each runtime.
 *
 * @module
 */
import { getEventListeners } from 'node:events'
import { readdirSync, statSync } from 'node:fs'
import process from 'node:process'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Holdings, Sample } from './report.ts'

/** Collects garbage now, where the runtime can be asked to. */
export const collectGarbage: () => void = garbageCollector()

/** @param walPath A `-wal` file; only its size is asked for, it is never opened. */
export function sample(startMs: number, walPath: string): Sample {
  collectGarbage()
  const { rss, heapUsed } = process.memoryUsage()
  return {
    atMs: Math.round(performance.now() - startMs),
    rssBytes: rss,
    heapBytes: heapUsed,
    fileDescriptors: fileDescriptors(),
    walBytes: statSync(walPath, { throwIfNoEntry: false })?.size ?? 0,
  }
}

/** @param signal One that must have no listeners left. */
export function holdings(signal: AbortSignal): Holdings {
  collectGarbage()
  return {
    fileDescriptors: fileDescriptors(),
    resources: orUndefined(() => process.getActiveResourcesInfo().sort()),
    listeners: orUndefined(
      () =>
        getEventListeners(signal, 'abort').length +
        process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
    ),
  }
}

/** Undefined where there is no /proc. */
function fileDescriptors(): number | undefined {
  return orUndefined(() => readdirSync('/proc/self/fd').length)
}

function garbageCollector(): () => void {
  if ('Bun' in globalThis) return () => Bun.gc(true)
  // https://nodejs.org/api/v8.html#v8setflagsfromstringflags; Deno may not have it.
  const collect = orUndefined(() => {
    setFlagsFromString('--expose-gc')
    return runInNewContext('gc') as () => void
  })
  return collect ?? (() => {})
}

function orUndefined<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}
