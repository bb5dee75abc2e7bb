/**
 * The header of the one request that no client can send, as its value is a secret: as there are no signals in workerd,
 * `serve.worker.ts` says with it to `entry.worker.ts` that one came.
 *
 * @module
 */

/** Its name; its value is the binding `STOP_SECRET`. */
export const stopHeader = 'x-demo-stop'
