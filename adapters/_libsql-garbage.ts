/**
 * Garbage collection on demand, for what a native module finalizes in no other way.
 *
 * @module
 */

interface GarbageCollector {
  gc?: () => void
  Bun?: { gc(synchronous: boolean): void }
}

/** Has the runtime collect its garbage, where it lets itself be asked; finalizers run in the macrotasks after it. */
export async function collectGarbage(): Promise<void> {
  const { gc, Bun } = globalThis as GarbageCollector
  if (Bun !== undefined) Bun.gc(true)
  else if (gc !== undefined) gc()
  else await collectWithV8()
}

/**
 * Collects until `isDone`, or five times: Bun's collector takes for alive what an earlier call left on the stack, and only
 * other calls, in later turns, overwrite that.
 */
export async function collectGarbageUntil(isDone: () => boolean): Promise<void> {
  for (let pass = 1; pass <= 5; pass++) {
    await collectGarbage()
    await new Promise((resolve) => setTimeout(resolve, 2 * pass))
    if (isDone()) return
  }
}

/** A context that is made while the flag is set has `gc`, on Node and Deno; this one keeps its own global clean. */
async function collectWithV8(): Promise<void> {
  try {
    const v8 = await import('node:v8')
    const vm = await import('node:vm')
    v8.setFlagsFromString('--expose-gc')
    const gc = vm.runInNewContext('gc') as () => void
    v8.setFlagsFromString('--no-expose-gc')
    gc()
  } catch {
    // Without it the garbage is collected when the runtime wants to, or when the process ends.
  }
}
