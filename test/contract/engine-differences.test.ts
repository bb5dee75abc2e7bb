/**
 * The list of what differs by engine is right: a new version of a driver that closes a gap is noticed here.
 *
 * @module
 */
import { CompiledQuery } from 'kysely'
import { expect } from 'vitest'
import { type ContractCase, describeContract } from './case.ts'
import { engineDifferences, engineOf } from './engine-differences.ts'
import { runtime } from './matrix.ts'
import { createNotes, rejection } from './note.ts'

describeContract(
  'engine differences',
  engineDifferences.map(
    ({ what, sql, answers }): ContractCase => ({
      name: `C8 differs by engine: ${what}`,
      async run({ openInMemory, connector }) {
        const { db } = await openInMemory()
        await createNotes(db, 'a')
        const expected = answers[engineOf(connector, runtime)]
        const parameters = Array.from(sql.matchAll(/\?/g), () => 1)

        const answer = db.executeQuery<Record<string, unknown>>(CompiledQuery.raw(sql, parameters))

        if (expected === Error) expect(await rejection(answer)).toMatchObject({ code: 'SQLITE_ERROR' })
        else expect(Object.values((await answer).rows[0] ?? {})).toEqual([expected])
      },
    }),
  ),
)
