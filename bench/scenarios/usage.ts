/**
 * What the client and both servers of I4 agree on.
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'

/** The body of a completion request. The client names its request, so that it can ask the database for it. */
export interface Completion {
  readonly requestId: string
  readonly prompt: string
  /** How long the model takes for it, in milliseconds. */
  readonly takesMs: number
}

/** What the proxied model answered. */
export interface ModelAnswer {
  readonly text: string
  readonly tokens: number
}

/** Stands for the model behind the proxy. */
export async function askModel({ prompt, takesMs }: Completion): Promise<ModelAnswer> {
  await sleep(takesMs)
  return { text: prompt.toUpperCase(), tokens: prompt.length }
}
