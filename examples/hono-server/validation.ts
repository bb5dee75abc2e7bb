/**
 * Reads what a client sent, and refuses what does not fit its schema with a sentence that names the field.
 *
 * @module
 */
import type { Context } from 'hono'
import * as v from 'valibot'
import { idParameter, type Schema } from './inputs.ts'

/** The client's mistake. `message` says what is wrong, without the rest of what was sent. */
export class InvalidParamsError extends Error {
  override name = 'InvalidParamsError'
}

/** @throws {InvalidParamsError} If the body is not JSON, or does not fit. */
export async function bodyOf<T>(c: Context, schema: Schema<T>): Promise<T> {
  return jsonOf(await c.req.text(), schema, 'the body')
}

/** @throws {InvalidParamsError} If the text is not JSON, or does not fit. */
export function jsonOf<T>(text: string, schema: Schema<T>, whole: string): T {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new InvalidParamsError(text === '' ? `${whole} is empty: it must be JSON` : `${whole} must be JSON`)
  }
  return valid(value, schema, whole)
}

/** @throws {InvalidParamsError} If a parameter of the query does not fit. */
export function queryOf<T>(c: Context, schema: Schema<T>): T {
  return valid(c.req.query(), schema, 'the query')
}

/** @throws {InvalidParamsError} If the `:id` of the path cannot be an id. */
export function idOf(c: Context): string {
  return valid(c.req.param(), idParameter, 'the path').id
}

function valid<T>(value: unknown, schema: Schema<T>, whole: string): T {
  const result = v.safeParse(schema, value, { abortEarly: true })
  if (result.success) return result.output
  const [issue] = result.issues
  throw new InvalidParamsError(`${v.getDotPath(issue) ?? whole} ${complaint(issue)}`)
}

function complaint({ kind, message, expected, received, input }: v.BaseIssue<unknown>): string {
  if (kind === 'validation') return message
  if (input === undefined) return 'is missing'
  // Of a wrong text only that it is one: it may be long, or secret.
  const isText = typeof input === 'string'
  return `must be ${expected?.replaceAll(/[()]/g, '')}: it is ${isText ? 'another text' : received}`
}
