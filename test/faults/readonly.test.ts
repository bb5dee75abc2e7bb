/**
 * The file or its folder turns read-only while it is open. What is open already may be written to go on (that is how
 * POSIX permissions work); whatever does not get through is a typed error, and nothing is acknowledged that is not stored.
 *
 * @module
 */
import { chmod } from 'node:fs/promises'
import { dirname } from 'node:path'
import { expect } from 'vitest'
import { describeContract } from '../contract/case.ts'
import { connectorNames, runtime } from '../contract/matrix.ts'
import { canDropPrivileges, runAsNobody } from './as-nobody.ts'
import type { ReadonlyReport } from './readonly-program.ts'
import { storedNotes } from './stranger.ts'

describeContract('read-only', [
  {
    name: 'a file or a folder that turns read-only, with WAL and without: typed errors, and every acknowledged row is there',
    not:
      canDropPrivileges === true
        ? {}
        : Object.fromEntries(connectorNames.map((name) => [name, canDropPrivileges])),
    async run({ connector, path }) {
      const folder = dirname(path)
      await chmod(folder, 0o777)

      const reports = await runAsNobody<readonly ReadonlyReport[]>(
        'readonly-program',
        runtime,
        connector,
        folder,
      )

      for (const { path, attempted, before, after, resumed } of reports) {
        expect(before).toBe(attempted)
        expect(resumed).toBe(attempted)
        expect(await storedNotes(path)).toBe(before + after + resumed)
      }
      expect(reports).toMatchObject([
        // Through handles that are open already.
        { after: 29, errors: [], reopening: 'OpenError' },
        // The -wal and -shm are there.
        { after: 29, errors: [], reopening: 'none' },
        { after: 29, errors: [], reopening: 'OpenError' },
        // The journal, which every transaction needs, cannot be made.
        { after: 0, errors: ['ReadonlyDatabaseError'], reopening: 'OpenError' },
      ])
    },
  },
])
