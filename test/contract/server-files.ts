/**
 * The files of the contract that hold where the engine is behind a network (tier B): what of it is about files, locks
 * and pragmas of this machine is not here. Single cases of them are left out by `server-limits.ts`.
 *
 * @module
 */

const quick = [
  'abort batch begin connection group-commit group-commit-culprits group-commit-neighbours integers kysely-controlled',
  'kysely-log kysely-plugins kysely-queries kysely-schema kysely-transactions late-queries no-hang outer-query',
  'outer-write prepare queue-limits raw-transactions readers repository results routing routing-alone rows',
  'schema-changes statements storage values write-behind',
]

/** They take as long as all the others together. */
const slow = ['bulk close close-interleavings failed-end lanes migrations streams transaction-watchdog']

const namesIn = (lines: readonly string[]): readonly string[] => lines.flatMap((names) => names.split(' '))

/** What a real server meets on every run of all tests, by file name without `.test.ts`. */
export const quickServerFiles: readonly string[] = namesIn(quick)

/** What `npm run test:remote` runs. */
export const serverFiles: readonly string[] = namesIn([...quick, ...slow])
