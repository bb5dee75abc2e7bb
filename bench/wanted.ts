/**
 * The numbers that are wanted of better-sqlite3, the default. On other connectors they are shown for comparison.
 *
 * @module
 */

/** The least ratio of each case. A case that is not here is for information. */
const wanted: Readonly<Record<string, number>> = {
  'flush/10-vs-loop': 3,
  'flush/100-vs-loop': 4.5,
  'flush/1000-vs-loop': 10,
  'flush/10000-vs-loop': 15,
  'flush/10000-sliced-vs-loop': 11,
  'flush/1000-vs-raw': 0.87,
  // 12 flushes of 1,000 rows by one of 10,000.
  'flush/10000-sliced-vs-1000': 1,
  'insert/1-vs-kysely': 1.3,
  'insert/64-vs-kysely': 6,
  'insert/256-vs-kysely': 8,
  'insert/1-prepared-vs-kysely': 1.8,
  'insert/64-prepared-vs-kysely': 15,
  'insert/256-prepared-vs-kysely': 20,
  'insert/256-prepared-vs-raw': 0.5,
  'insert/64-full-vs-kysely': 20,
  'lanes/control-lock-wait': 1,
  'lanes/slice': 1,
  'enqueue/append': 1,
  'enqueue/append-full': 1,
  'enqueue/append-drop-oldest': 1,
  'enqueue/append-stamped': 1,
  'enqueue/coalesce': 1,
  'enqueue/memory': 1,
}

/** The least ratio that is wanted of a case. */
export function wantedOf(caseName: string): number | undefined {
  return wanted[caseName]
}
