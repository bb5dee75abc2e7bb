/**
 * One bad row must not keep its neighbours from being stored, nor hold them back for ever (contract C12). A write that
 * failed through one of its rows is cut in halves until that row stands alone.
 *
 * @module
 */
import { FileReplacedError, InvalidStatementError, RemoteError, UnbusyError } from '../errors.ts'
import { isConstraint, isCorrupt, isGeneric, isValueMisfit, resultCodeOf } from '../result-code.ts'

/**
 * Whose fault a failed write is: that of a `row`, for certain; of a row or of the `statement`, which shows in what its
 * neighbours meet; of the `storage`, which will not cure itself; or of the moment, and will be `passing`.
 */
export type Fault = 'row' | 'statement' | 'storage' | 'passing'

/**
 * When so many rows failed one by one and none was stored, it may be the statement: what is left is not cut any more, but
 * each part of it is tried, as all of these rows may be bad ones in front of good ones; and one row of them, as there may
 * be a bad one in each part.
 */
const maxSuspects = 8

/** Decides by class and result code, never by text. */
export function faultOf(error: unknown): Fault {
  const code = resultCodeOf(error)
  if (code !== undefined) {
    if (isConstraint(code) || isValueMisfit(code)) return 'row'
    if (isCorrupt(code)) return 'storage'
    return isGeneric(code) ? 'statement' : 'passing'
  }
  if (error instanceof InvalidStatementError) return 'row'
  if (error instanceof RemoteError) return error.outcome === 'refused' ? 'storage' : 'passing'
  if (error instanceof FileReplacedError) return 'storage'
  // What is ours and no result of SQLite tells when to try again, or wraps the error that decides.
  if (error instanceof UnbusyError) return error.cause === undefined ? 'passing' : faultOf(error.cause)
  const { name } = (error ?? {}) as { name?: unknown }
  return name === 'AbortError' || name === 'TimeoutError' ? 'passing' : 'statement'
}

/** What went wrong in one write. */
export interface IsolatedWrite<Item> {
  /** Items that fail whatever their company. */
  readonly poison: readonly { readonly item: Item; readonly error: unknown }[]
  /** Why other items are not written; `undefined` if nothing but poison failed. */
  readonly failure: { readonly error: unknown; readonly fault: Fault } | undefined
}

/**
 * Writes all items with one call; only where that fails through a row, in halves, in order, one call at a time.
 *
 * @param write Must store all of its items, or none.
 * @param failures How often this failed before: that one row is another one each time, and a good one in the end.
 */
export async function writeIsolating<Item>(
  items: readonly Item[],
  write: (items: readonly Item[]) => Promise<void>,
  failures = 0,
): Promise<IsolatedWrite<Item>> {
  const poison: { item: Item; error: unknown }[] = []
  const suspects: { item: Item; error: unknown }[] = []
  let failure: IsolatedWrite<Item>['failure']
  let isAnyWritten = false
  let probe: readonly Item[] = []
  const parts = [items]
  const aside: (readonly Item[])[] = []
  for (let part = parts.pop(); part !== undefined && failure === undefined; part = parts.pop()) {
    try {
      await write(part)
      isAnyWritten = true
      for (const left of aside.splice(0).reverse()) parts.push(left.filter((item) => !probe.includes(item)))
    } catch (error) {
      const fault = faultOf(error)
      if (fault === 'passing' || fault === 'storage') failure = { error, fault }
      else if (part.length === 1) (fault === 'row' ? poison : suspects).push({ item: part[0] as Item, error })
      else if (isAnyWritten || suspects.length < maxSuspects) parts.push(...halves(part).reverse())
      else aside.push(part)
    }
    if (parts.length > 0 || aside.length === 0 || probe.length > 0) continue
    probe = [oneOf(aside.flat(), failures)]
    parts.push(probe)
  }
  if (!isAnyWritten) {
    if (suspects[0] !== undefined) failure ??= { error: suspects[0].error, fault: 'statement' }
    return { poison, failure }
  }
  // A statement that stored other rows is a good one by now: it was none, perhaps, when the first ones failed.
  for (const { item } of failure === undefined ? suspects : []) {
    try {
      await write([item])
    } catch (error) {
      const fault = faultOf(error)
      if (fault !== 'passing' && fault !== 'storage') poison.push({ item, error })
      else {
        failure = { error, fault }
        break
      }
    }
  }
  return { poison, failure }
}

/** Each time another one, from all over. */
function oneOf<Item>(items: readonly Item[], time: number): Item {
  const goldenRatio = 0.618034
  return items[Math.floor(((time * goldenRatio) % 1) * items.length)] as Item
}

function halves<Item>(items: readonly Item[]): [readonly Item[], readonly Item[]] {
  const middle = items.length >> 1
  return [items.slice(0, middle), items.slice(middle)]
}
