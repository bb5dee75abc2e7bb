/**
 * The D1 databases of the isolate.
 *
 * @module
 */
import { type D1DatabaseLike, d1 } from 'unbusy/d1'
import { type Place, placeOfCase } from './place.ts'

interface D1Place extends Place {
  readonly database: D1DatabaseLike
}

/** A binding as a place for cases. */
export function d1Place(database: D1DatabaseLike): Place {
  const place: D1Place = {
    name: 'd1',
    database,
    connect: () => d1({ database }),
    async query(sql) {
      const { results } = (await database.prepare(sql).all()) as { results: Record<string, unknown>[] }
      return results
    },
  }
  return place
}

/** The binding of the running case. */
export function databaseOfCase(): D1DatabaseLike {
  return (placeOfCase() as D1Place).database
}
