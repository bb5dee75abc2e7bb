/** C1: an engine with the WAL-reset bug is named once a process. A file of its own: no case before may have opened one. */
import { expect } from 'vitest'
import { type ContractCase, describeContract } from './case.ts'

const affected = 'libsql'
/** What was said in this process. */
const said = Symbol.for('unbusy.warnings')

const cases: ContractCase[] = [
  {
    name: 'C1 a database in memory has no WAL and no warning',
    async run({ openInMemory }) {
      const warnings: string[] = []
      await openInMemory({ onWarning: (message) => warnings.push(message) })
      expect(warnings).toEqual([])
    },
  },
  {
    name: 'C1 the first opening warns of an affected engine, later ones do not; the others never do',
    async run({ connector, open }) {
      const warnings: string[] = []
      const onWarning = (message: string): void => void warnings.push(message)
      await open({ onWarning })
      const expected =
        connector === affected
          ? [expect.stringMatching(/libsql brings SQLite 3\.45\.1, whose WAL-reset bug/)]
          : []
      expect(warnings).toEqual(expected)
      await open({ onWarning })
      await (await open({ onWarning })).close()
      await open({ onWarning })
      expect(warnings).toEqual(expected)
    },
  },
  {
    name: 'C1 what onWarning throws, or rejects with, does not keep a database from being opened',
    async run({ connector, open }) {
      const scope = globalThis as { [said]?: Set<string> }
      let calls = 0
      const failing = [
        () => {
          calls++
          throw new Error('no logger')
        },
        async () => {
          calls++
          throw new Error('no logger')
        },
      ]
      for (const onWarning of failing) {
        delete scope[said]
        const { db } = await open({ onWarning })
        await db.schema.createTable(`t${calls}`).ifNotExists().addColumn('a', 'integer').execute()
      }
      expect(calls).toBe(connector === affected ? 2 : 0)
    },
  },
]

describeContract('WAL-reset warning', cases)
