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
 * Collects until `isDone`, or ten times in about half a second: each in the turn of a timer, where little is on the stack,
 * and after a longer pause than the one before. With six threads of Bun on a busy machine 47 of 6,000 closes needed
 * more than one pass, five of them eight.
 */
export async function collectGarbageUntil(isDone: () => boolean): Promise<void> {
  for (let pass = 1; pass <= 10; pass++) {
    await new Promise<void>((resolve) => {
      const collect = (): void => {
        overwriteStack(1_000)
        resolve(collectGarbage())
      }
      setTimeout(collect, Math.min(2 ** pass, 100))
    })
    await new Promise((resolve) => setTimeout(resolve, 2))
    if (isDone()) return
  }
}

/**
 * Bun's collector takes for alive whatever an earlier call left on the stack. On an overloaded machine 11 of 1,440 closes of
 * a connection left it open for that; with the stack overwritten right before, none of 2,160.
 */
function overwriteStack(calls: number): number {
  return calls === 0 ? 0 : 1 + overwriteStack(calls - 1)
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
