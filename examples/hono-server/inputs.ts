/**
 * What the routes accept, as schemas. Anything else is answered with 400 and the name of the field.
 *
 * @module
 */
import * as v from 'valibot'
import type { Heartbeat } from './heartbeats.ts'
import type { Registration } from './repositories/machines.ts'
import type { NewSession } from './repositories/sessions.ts'
import type { UsageEvent, UsageReport } from './repositories/usage.ts'

/** A schema whose output is known. */
export type Schema<T> = v.GenericSchema<unknown, T>

/** Text that every driver stores, and reads back as it was. */
const text = v.pipe(
  v.string(),
  v.check((value) => value.isWellFormed(), 'must not hold half a surrogate pair'),
  v.check((value) => !value.includes('\0'), 'must not hold U+0000'),
)

/** Bytes. Not valibot's own check: its expression has no room on the stack for a long text. */
const base64 = v.pipe(
  v.string(),
  v.check((value) => value.length % 4 === 0 && /^[\dA-Za-z+/]*={0,2}$/.test(value), 'must be base64'),
)

const noLongerThanName = v.maxLength<string, 200, string>(200, 'must not have more than 200 characters')

/** Text that names something. */
const name = v.pipe(text, v.minLength(1, 'must not be empty'), noLongerThanName)

/** A name that can stand in a path: these two mean the folder there, and its parent. */
const id = v.pipe(
  name,
  v.check((value) => value !== '.' && value !== '..', 'must not be . or .., which no path can name'),
)

const badName = 'must have names of 1 to 200 characters only, without U+0000 and half surrogate pairs'

const time = v.pipe(
  v.number(),
  v.safeInteger('must be a whole number of milliseconds since the epoch'),
  v.minValue(0, 'must not be negative'),
)

const seconds = v.pipe(
  v.number(),
  v.integer('must be a whole number of seconds since the epoch'),
  v.minValue(0, 'must not be negative'),
  v.maxValue(100_000_000_000, 'must be in seconds, not in milliseconds'),
)

const amount = v.pipe(
  v.number(),
  v.minValue(0, 'must not be negative'),
  v.maxValue(Number.MAX_SAFE_INTEGER, 'must not be beyond 2^53'),
)

/** What valibot leaves out of what it answers: what was sent under such a name would be lost without a word. */
const lostNames = ['__proto__', 'constructor', 'prototype']

/** Numbers by name. A name is kept like any other text: what one driver would cut off or refuse is refused here. */
const amounts = v.pipe(
  v.unknown(),
  v.check(
    (value) => !lostNames.some((name) => Object.hasOwn(Object(value), name)),
    `must not have the names ${lostNames.join(', ')}`,
  ),
  v.objectWithRest({ total: amount }, amount),
  v.maxEntries(100, 'must not have more than 100 names'),
  v.check((value) => Object.keys(value).every((key) => v.is(name, key)), badName),
)

/** The body of `POST /v1/machines`. */
export const registrationBody: Schema<Registration> = v.object({
  id,
  metadata: text,
  daemonState: v.nullish(text),
  dataEncryptionKey: v.nullish(base64),
})

/** The body of `POST /v1/sessions`. */
export const newSessionBody: Schema<NewSession> = v.object({
  tag: name,
  metadata: text,
  agentState: v.nullish(text),
})

/** The body of `POST /v1/sessions/:id/end`. */
export const sessionEndBody: Schema<{ readonly time: number }> = v.object({ time })

/** A heartbeat. `thinking` is for those who watch; no column holds it. `mode` is accepted, as clients send it, and not kept. */
export const heartbeat: Schema<Heartbeat> = v.variant('type', [
  v.object({
    type: v.literal('session-alive'),
    sid: name,
    time,
    thinking: v.nullish(v.boolean()),
    mode: v.nullish(v.pipe(text, noLongerThanName)),
  }),
  v.object({ type: v.literal('session-end'), sid: name, time }),
  v.object({ type: v.literal('machine-alive'), machineId: name, time }),
])

/** The body of `POST /v1/presence`. */
export const presenceBody: Schema<{ readonly heartbeats: readonly Heartbeat[] }> = v.object({
  heartbeats: v.array(heartbeat),
})

/** The body of `POST /v2/usage-reports`. */
export const usageReportBody: Schema<UsageReport> = v.object({
  key: name,
  sessionId: name,
  tokens: amounts,
  cost: amounts,
})

/** The body of `POST /v2/usage-events`. */
export const usageEventBody: Schema<UsageEvent> = v.object({
  externalKey: name,
  sessionId: name,
  tokens: amounts,
  cost: amounts,
  time: v.nullish(time),
})

/** What `POST /v1/usage/query` asks for; times are in seconds since the epoch, both inclusive. */
export interface UsageQuestion {
  readonly sessionId?: string | null | undefined
  readonly startTime: number
  readonly endTime: number
  readonly groupBy: 'hour' | 'day'
}

/** The body of `POST /v1/usage/query`. */
export const usageQueryBody: Schema<UsageQuestion> = v.object({
  sessionId: v.nullish(name),
  startTime: v.nullish(seconds, 0),
  endTime: v.nullish(seconds, 100_000_000_000),
  groupBy: v.nullish(v.picklist(['hour', 'day']), 'day'),
})

/** The query of `GET /v2/sessions`; `cursor` is the id of the session before the page. */
export const pageQuery: Schema<{ readonly cursor?: string | undefined; readonly limit: number }> = v.object({
  cursor: v.optional(
    v.pipe(
      text,
      v.startsWith('cursor_v1_', 'must be the nextCursor of another page'),
      v.transform((cursor) => cursor.slice('cursor_v1_'.length)),
    ),
  ),
  limit: limitUpTo(200, '50'),
})

/** The query of `GET /v2/sessions/active`. */
export const activeQuery: Schema<{ readonly limit: number }> = v.object({ limit: limitUpTo(500, '150') })

/** The query of `GET /v1/updates`: a machine says which one it is. */
export const updatesQuery: Schema<{ readonly machineId?: string | undefined }> = v.object({
  machineId: v.optional(name),
})

/** The `:id` of a path. */
export const idParameter: Schema<{ readonly id: string }> = v.object({ id: name })

function limitUpTo(most: number, fallback: string): Schema<number> {
  const rule = `must be a whole number from 1 to ${most}`
  const digits = v.pipe(v.string(), v.regex(/^\d+$/, rule), v.transform(Number))
  return v.optional(v.pipe(digits, v.minValue(1, rule), v.maxValue(most, rule)), fallback)
}
