/** Has its files and folders made read-only while they are open, as a user to whom that means something. */
import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { openStorage } from 'unbusy'
import { type ConnectorName, connectorTo } from '../contract/matrix.ts'
import { createNotes, writeAll } from './write-kinds.ts'

/** What one database came to. */
export interface ReadonlyReport {
  readonly path: string
  readonly attempted: number
  /** Rows acknowledged before and after the permission was taken away. */
  readonly before: number
  readonly after: number
  readonly errors: readonly string[]
  /** The name of the error of another opening. */
  readonly reopening: string
  /** Rows acknowledged by the same storage, once it was given back. */
  readonly resumed: number
}

const [name = '', folder = ''] = process.argv.slice(2)

async function change(
  journal: string,
  deed: (path: string, isTaken: boolean) => void,
): Promise<ReadonlyReport> {
  const home = join(folder, `${journal}-${Math.random()}`)
  mkdirSync(home)
  const path = join(home, 'readonly.db')
  const connector = (): ReturnType<typeof connectorTo> => connectorTo(name as ConnectorName, path)
  // biome-ignore lint/suspicious/noExplicitAny: one table, made here
  await using storage = await openStorage<any>({
    connector: await connector(),
    pragmas: { journal_mode: journal },
    onWarning: () => {},
  })
  await createNotes(storage)
  const { acknowledged: before } = await writeAll(storage)
  deed(path, true)
  const { attempted, acknowledged, errors } = await writeAll(storage)
  const reopening = await openStorage({ connector: await connector(), onWarning: () => {} }).then(
    async (second) => {
      await second.close()
      return 'none'
    },
    (error: Error) => error.name,
  )
  deed(path, false)
  const { acknowledged: resumed } = await writeAll(storage)
  const names = errors.map(({ name }) => name)
  return { path, attempted, before, after: acknowledged, errors: [...new Set(names)], reopening, resumed }
}

const file = (path: string, isTaken: boolean): void => chmodSync(path, isTaken ? 0o444 : 0o644)
const home = (path: string, isTaken: boolean): void => chmodSync(join(path, '..'), isTaken ? 0o555 : 0o755)

const reports = [
  await change('wal', file),
  await change('wal', home),
  await change('delete', file),
  await change('delete', home),
]
console.log(JSON.stringify(reports))
process.exit(0)
