/**
 * Runs variants of the same work in turns, so that whatever the machine does meets all of them: only ratios travel.
 *
 * @module
 */

/** One way of doing the work. */
export interface Variant {
  /** Makes the input of one run; not timed. */
  readonly prepare?: () => void | Promise<void>
  readonly run: () => unknown
  /** Runs that are not timed, before those of a round: a collection leaves code and caches cold. @default {none} */
  readonly warmUp?: () => unknown
  /** How often it runs in a round; the round counts their median. @default {1} */
  readonly runs?: number
  /** How many units of work one run does; times are those of one unit. @default {1} */
  readonly units?: number
}

/** How many rounds there are. */
export interface Rounds {
  readonly rounds: number
  /** Rounds before those that count. @default {2} */
  readonly warmUps?: number
  /** After this time no further round begins, once there are five. */
  readonly budgetMs: number
}

/** How two variants compare. */
export interface Comparison {
  readonly ratio: number
  readonly rounds: number
  readonly spread: number
}

const fewestRounds = 5

/** Microseconds per unit of each variant, round by round. Every round begins with another variant. */
export async function interleave<Name extends string>(
  variants: Readonly<Record<Name, Variant>>,
  { rounds, warmUps = 2, budgetMs }: Rounds,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(variants) as Name[]
  const times = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, number[]>
  const startedAtMs = performance.now()
  for (let round = -warmUps; round < rounds; round++) {
    if (round >= fewestRounds && performance.now() - startedAtMs > budgetMs) break
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(turn + round + warmUps) % names.length] as Name
      const us = await timeOf(variants[name])
      if (round >= 0) times[name].push(us)
    }
  }
  return times
}

/** The ratio of the medians, and how far the rounds are apart. */
export function compare(others: readonly number[], ours: readonly number[]): Comparison {
  const ratios = others.map((other, round) => other / (ours[round] ?? Number.NaN))
  return { ratio: median(others) / median(ours), rounds: ours.length, spread: spreadOf(ratios) }
}

/** Half of the values lie in a range that is this share of their median. */
export function spreadOf(values: readonly number[]): number {
  return (quantile(values, 0.75) - quantile(values, 0.25)) / median(values)
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** The value that `share` of the values do not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/**
 * Leaves no debt to the next variant: statements that are not finalized by hand are finalized by the collector, in later
 * macrotasks, and whoever yields one would pay for who left them.
 */
export async function settle(): Promise<void> {
  // Such statements die young. A full collection would throw away the optimized code of all variants as well.
  collectGarbage({ type: 'minor' })
  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** Collects garbage, all of it or, where the runtime knows the difference, the young; it was started with `--expose-gc`. */
export function collectGarbage(options?: { readonly type: 'minor' }): void {
  const { gc } = globalThis as { readonly gc?: (options?: { readonly type: 'minor' }) => void }
  if (gc === undefined) throw new Error('Cannot measure without gc(): start the runtime with --expose-gc')
  gc(options)
}

async function timeOf({ prepare, warmUp, run, runs = 1, units = 1 }: Variant): Promise<number> {
  await settle()
  await warmUp?.()
  const times: number[] = []
  for (let index = 0; index < runs; index++) {
    await prepare?.()
    const startedAtMs = performance.now()
    await run()
    times.push(performance.now() - startedAtMs)
  }
  return (median(times) * 1_000) / units
}
