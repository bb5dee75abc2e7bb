/**
 * The rows of a stream, begun: what the first step meets shows before the stream is handed out.
 *
 * @module
 */
import type { Row } from '../values.ts'

/** Takes the first step at once, so that a busy lock shows where it can still be waited for. */
export function startIterator(rows: Iterable<Row>, translate: (error: unknown) => unknown): Iterator<Row> {
  const iterator = rows[Symbol.iterator]()
  let first: IteratorResult<Row> | undefined = iterator.next()
  return {
    next() {
      if (first === undefined) {
        try {
          return iterator.next()
        } catch (error) {
          throw translate(error)
        }
      }
      const result = first
      first = undefined
      return result
    },
    return() {
      iterator.return?.()
      return { done: true, value: undefined }
    },
  }
}
