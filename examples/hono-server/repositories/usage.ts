/**
 * Usage: reports are running totals that a client sends again and again, one row per session and key, and awaits; events
 * are single amounts that are told once and stored later, in batches.
 *
 * @module
 */
import { type Insertable, sql } from 'kysely'
import type { AppendQueue, PushResult, Storage } from 'unbusy'
import type { LostFiles } from '../lost-files.ts'
import type { Database, UsageReportRow } from '../schema.ts'

/** Numbers by name, `total` among them. */
export type Amounts = Readonly<Record<string, number>>

/** The totals of one session so far. */
export interface UsageReport {
  readonly key: string
  readonly sessionId: string
  readonly tokens: Amounts
  readonly cost: Amounts
}

/** Some usage of one session. */
export interface UsageEvent {
  /** Whoever sends it again uses the same key again: it is stored once, the first one wins. */
  readonly externalKey: string
  readonly sessionId: string
  readonly tokens: Amounts
  readonly cost: Amounts
  /** When it happened, in ms since the epoch. @default {the time of the request} */
  readonly time?: number | null | undefined
}

/** Which usage to sum up, reports by the time of their creation, and how. */
export interface UsageQuery {
  readonly sessionId?: string | null | undefined
  readonly fromMs: number
  readonly toMs: number
  /** The length of a bucket; buckets start at multiples of it since the epoch, so days are days of UTC. */
  readonly bucketMs: number
}

/** The sums of one bucket; an event counts as a report. */
export interface UsageBucket {
  readonly startMs: number
  readonly tokens: Amounts
  readonly cost: Amounts
  readonly reportCount: number
}

type UsageEventRow = Insertable<Database['usage_event']>

/** The tables of usage. */
export class UsageRepository {
  readonly #storage: Storage<Database>
  readonly #lostFiles: LostFiles
  /** Events that are not stored yet. */
  readonly events: AppendQueue<UsageEventRow>

  /** @param options `capacity`: events that may wait at most; one more is refused. */
  constructor(
    storage: Storage<Database>,
    { capacity, lostFiles }: { readonly capacity: number; readonly lostFiles: LostFiles },
  ) {
    this.#storage = storage
    this.#lostFiles = lostFiles
    this.events = storage.append({
      table: 'usage_event',
      idempotencyKey: 'external_key',
      timestamp: 'time',
      capacity,
      overflow: 'drop-newest',
      lane: 'background',
      onError: (error) => lostFiles.notice(error),
      onDrop: ({ value, reason, error }) => {
        if (reason === 'poison') console.error(`Usage event ${value.external_key} was refused:`, error)
      },
    })
  }

  /**
   * Takes an event in, without touching the database. A time in the future counts as now.
   *
   * @throws {FileReplacedError} If it could never be stored.
   */
  addEvent({ externalKey, sessionId, tokens, cost, time }: UsageEvent, nowMs: number): PushResult {
    this.#lostFiles.assertNone()
    return this.events.push({
      external_key: externalKey,
      session_id: sessionId,
      tokens: JSON.stringify(tokens),
      cost: JSON.stringify(cost),
      ...(time != null && { time: Math.min(time, nowMs) }),
    })
  }

  /** Stores a report over the one of the same session and key. Answers undefined if there is no such session. */
  saveReport(
    { key, sessionId, tokens, cost }: UsageReport,
    nowMs: number,
  ): Promise<Pick<UsageReportRow, 'id' | 'created_at' | 'updated_at'> | undefined> {
    return (
      this.#storage.db
        .insertInto('usage_report')
        .columns(['id', 'session_id', 'key', 'tokens', 'cost', 'created_at', 'updated_at'])
        // From the session's row, so that its absence is no row here instead of a constraint that fails.
        .expression((eb) =>
          eb
            .selectFrom('session')
            .where('session.id', '=', sessionId)
            .select(({ val }) => [
              val(crypto.randomUUID()).as('id'),
              'session.id as session_id',
              val(key).as('key'),
              val(JSON.stringify(tokens)).as('tokens'),
              val(JSON.stringify(cost)).as('cost'),
              val(nowMs).as('created_at'),
              val(nowMs).as('updated_at'),
            ]),
        )
        .onConflict((conflict) =>
          conflict.columns(['session_id', 'key']).doUpdateSet(({ ref }) => ({
            tokens: ref('excluded.tokens'),
            cost: ref('excluded.cost'),
            updated_at: ref('excluded.updated_at'),
          })),
        )
        .returning(['id', 'created_at', 'updated_at'])
        .executeTakeFirst()
    )
  }

  /** Sums up usage per bucket and name, the earliest bucket first. One statement, so all sums are of one moment. */
  async sum({ sessionId = null, fromMs, toMs, bucketMs }: UsageQuery): Promise<UsageBucket[]> {
    const { rows } = await sql<UsageSum>`
      with stored as (
        select session_id, created_at as time, tokens, cost from usage_report
        union all select session_id, time, tokens, cost from usage_event
      ), report as (
        select time - time % ${bucketMs} as bucket, tokens, cost from stored
        where time between ${fromMs} and ${toMs} and session_id = coalesce(${sessionId}, session_id)
      )
      select bucket, 'count' as kind, '' as name, count(*) as amount from report group by bucket
      union all
      select bucket, 'tokens', item.key, total(item.value) from report, json_each(tokens) as item group by bucket, item.key
      union all
      select bucket, 'cost', item.key, total(item.value) from report, json_each(cost) as item group by bucket, item.key
      order by bucket
    `.execute(this.#storage.db)

    return [...Map.groupBy(rows, ({ bucket }) => bucket)].map(([startMs, sums]) => ({
      startMs,
      tokens: amountsOf(sums, 'tokens'),
      cost: amountsOf(sums, 'cost'),
      reportCount: sums.find(({ kind }) => kind === 'count')?.amount ?? 0,
    }))
  }
}

interface UsageSum {
  readonly bucket: number
  readonly kind: 'count' | 'tokens' | 'cost'
  readonly name: string
  readonly amount: number
}

function amountsOf(sums: readonly UsageSum[], of: UsageSum['kind']): Amounts {
  return Object.fromEntries(sums.filter(({ kind }) => kind === of).map(({ name, amount }) => [name, amount]))
}
