/**
 * The TypeScript of the README and of docs/ compiles as it stands there: what a newcomer copies must not be out of date.
 * What an example takes for granted, such as a list of rows, is declared here.
 *
 * @module
 */
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, it } from 'vitest'
import { runInRepository } from './project.ts'

const assumed = `
  import type { Generated } from 'kysely'
  declare global {
    interface Database {
      note: { id: Generated<number>; text: string }
      session: { id: string; last_active_at: number; created_at: number }
      usage: { id: string; tokens: number }
      usage_event: { id: string; tokens: number; created_at: Generated<number> }
    }
    const openStorage: typeof import('unbusy/auto').openStorage
    const DatabaseFullError: typeof import('unbusy').DatabaseFullError
    const storage: import('unbusy').Storage<Database>
    const rows: readonly any[]
    const note: { text: string }
    const request: { id: string }
    const order: { id: string }
    const insertOrder: import('unbusy').BatchQuery, updateStock: import('unbusy').BatchQuery
    const env: { DB: import('unbusy/d1').D1DatabaseLike }
    const log: Console
    const metrics: { walPinned(...what: unknown[]): void }
    function currentToken(): Promise<string>
    function alertOperator(error: Error): void
  }`

const isNode = !('Bun' in globalThis) && !('Deno' in globalThis)

it.skipIf(!isNode)(
  'the examples of the README and of docs/ compile (on Node only: it is the compiler that reads them)',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'unbusy-examples-'))
    const config = {
      extends: resolve('tsconfig.json'),
      compilerOptions: { isolatedDeclarations: false, declaration: false },
      include: ['*.ts'],
    }
    try {
      await symlink(resolve('node_modules'), join(folder, 'node_modules'))
      await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config))
      await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
      await writeFile(join(folder, 'assumed.ts'), assumed)
      const pages = ['README.md', ...(await readdir('docs')).map((name) => `docs/${name}`)]
      let count = 0
      for (const page of pages) {
        for (const [, code] of (await readFile(page, 'utf8')).matchAll(/^```ts\n(.*?)^```/gms)) {
          const name = `${page.replace(/\W/g, '-')}-${++count}.ts`
          await writeFile(join(folder, name), `${code}\nexport {}\n`)
        }
      }
      expect(count).toBeGreaterThan(6)
      await runInRepository('tsc', '--noEmit', '-p', folder)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
)
