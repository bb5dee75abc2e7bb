/**
 * Usage reports: running totals that a client sends again and again, one row per session and key.
 *
 * @module
 */
import { type Kysely, sql } from 'kysely'
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

/** Which reports to sum up, by the time of their creation, and how. */
export interface UsageQuery {
  readonly sessionId?: string | null | undefined
  readonly fromMs: number
  readonly toMs: number
  /** The length of a bucket; buckets start at multiples of it since the epoch, so days are days of UTC. */
  readonly bucketMs: number
}

/** The sums of one bucket. */
export interface UsageBucket {
  readonly startMs: number
  readonly tokens: Amounts
  readonly cost: Amounts
  readonly reportCount: number
}

/** Stores a report over the one of the same session and key. Answers undefined if there is no such session. */
export function saveUsageReport(
  db: Kysely<Database>,
  { key, sessionId, tokens, cost }: UsageReport,
  nowMs: number,
): Promise<Pick<UsageReportRow, 'id' | 'created_at' | 'updated_at'> | undefined> {
  return (
    db
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

/** Sums up reports per bucket and name, the earliest bucket first. One statement, so all sums are of one moment. */
export async function sumUsage(db: Kysely<Database>, query: UsageQuery): Promise<UsageBucket[]> {
  const { fromMs, toMs, bucketMs } = query
  const sessionId = query.sessionId ?? null
  const { rows } = await sql<UsageSum>`
    with report as (
      select created_at - created_at % ${bucketMs} as bucket, tokens, cost from usage_report
      where created_at between ${fromMs} and ${toMs} and session_id = coalesce(${sessionId}, session_id)
    )
    select bucket, 'count' as kind, '' as name, count(*) as amount from report group by bucket
    union all
    select bucket, 'tokens', item.key, total(item.value) from report, json_each(tokens) as item group by bucket, item.key
    union all
    select bucket, 'cost', item.key, total(item.value) from report, json_each(cost) as item group by bucket, item.key
    order by bucket
  `.execute(db)

  return [...Map.groupBy(rows, ({ bucket }) => bucket)].map(([startMs, sums]) => ({
    startMs,
    tokens: amountsOf(sums, 'tokens'),
    cost: amountsOf(sums, 'cost'),
    reportCount: sums.find(({ kind }) => kind === 'count')?.amount ?? 0,
  }))
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
