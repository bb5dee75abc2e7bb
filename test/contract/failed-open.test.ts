/**
 * An opening that fails leaves nothing open.
 *
 * @module
 */
import { writeFile } from 'node:fs/promises'
import { type Connector, openStorage, type StorageOptions } from 'unbusy'
import { expect } from 'vitest'
import { describeContract } from './case.ts'
import { databaseFiles } from './database-files.ts'
import { connectorTo } from './matrix.ts'
import { createNotes, notes, rejection } from './note.ts'

/** Counts what is open, and whether the connector was closed. */
function counting(connector: Connector): { connector: Connector; open(): number; closes(): number } {
  let open = 0
  let closes = 0
  const counted: Connector = {
    ...connector,
    async connect(role, settings) {
      const connection = await connector.connect(role, settings)
      open++
      const close = connection.close.bind(connection)
      connection.close = async () => {
        open--
        await close()
      }
      return connection
    },
    async close() {
      closes++
      await connector.close?.()
    },
  }
  return { connector: counted, open: () => open, closes: () => closes }
}

describeContract('failed opening', [
  {
    name: 'C1 an opening that fails closes its connection and its connector, whatever failed',
    async run(context) {
      const { connector, path } = context
      const fail = (): never => {
        throw new Error('on purpose')
      }
      const noDatabase = `${path}.txt`
      await writeFile(noDatabase, 'This file has been something else all of its life. '.repeat(100))
      const openings: readonly [path: string, options: Partial<StorageOptions>][] = [
        [path, { onConnection: fail }],
        [noDatabase, {}],
        [`${path}-warned`, { onWarning: fail }],
      ]
      for (const [target, options] of openings) {
        const counted = counting(await connectorTo(connector, target))
        const opened = openStorage({ onWarning: () => {}, ...options, connector: counted.connector })
        // Called by an engine that has something to warn of alone, and only once.
        if (options.onWarning !== undefined) await opened.then((storage) => storage.close()).catch(() => {})
        else await rejection(opened)

        expect(counted.open(), target).toBe(0)
        expect(counted.closes(), target).toBe(1)
      }

      const { db } = await context.open()
      await createNotes(db, 'works')
      expect(await notes(db)).toEqual(['works'])
    },
  },
  {
    name: 'C15 a storage that opened and closed leaves no connection, and closes its connector once',
    async run({ connector, path }) {
      const counted = counting(await connectorTo(connector, path))
      const storage = await openStorage({ onWarning: () => {}, connector: counted.connector })
      await createNotes(storage.db, 'a')
      await notes(storage.db)

      await Promise.all([storage.close(), storage.close(), storage.db.destroy()])

      expect(counted.open()).toBe(0)
      expect(counted.closes()).toBe(1)
      expect(await databaseFiles({ connector, path })).toEqual(['case.db'])
    },
  },
])
