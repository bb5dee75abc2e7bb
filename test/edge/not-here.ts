/**
 * What a case needs and an isolate does not have. The case is then skipped, and says so.
 *
 * @module
 */
export class NotHere extends Error {
  override name = 'NotHere'
}
