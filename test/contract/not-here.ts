/**
 * What a case needs and its place does not have: an isolate, a server. The case is then skipped, and says so.
 *
 * @module
 */
export class NotHere extends Error {
  override name = 'NotHere'
}
