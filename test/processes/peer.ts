/**
 * Another process on the same file, always of another runtime than the one that runs the tests: what is committed is
 * what a stranger sees.
 *
 * @module
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Where a dev dependency's program is. */
export function binary(name: 'node' | 'bun' | 'deno'): string {
  return fileURLToPath(new URL(`../../node_modules/.bin/${name}`, import.meta.url))
}

/** A program of another runtime that runs JavaScript given as its last argument and has `node:sqlite`. */
export function peerCommand(): readonly [program: string, ...args: string[]] {
  return 'Bun' in globalThis ? [binary('node'), '-e'] : [binary('bun'), '-e']
}

/** Runs statements there, waiting for locks up to 10 s, and answers the rows of the last one. */
export async function peerQuery(
  path: string,
  statements: readonly string[],
): Promise<Record<string, unknown>[]> {
  const [program, ...args] = peerCommand()
  const { stdout } = await run(program, [...args, queryProgram(path, statements)])
  return JSON.parse(stdout)
}

function queryProgram(path: string, statements: readonly string[]): string {
  return `import('node:sqlite').then(({ DatabaseSync }) => {
    const database = new DatabaseSync(${JSON.stringify(path)}, { timeout: 10000 })
    let rows = []
    for (const sql of ${JSON.stringify(statements)}) rows = database.prepare(sql).all()
    database.close()
    console.log(JSON.stringify(rows))
  })`
}
