/**
 * For a connection that does nothing but checkpoint: it waits for nobody, as its thread serves all storages, and does not
 * checkpoint by itself beside what it is asked for.
 */
export const checkpointerPragmas: readonly string[] = [
  'PRAGMA busy_timeout = 0',
  'PRAGMA wal_autocheckpoint = 0',
]
