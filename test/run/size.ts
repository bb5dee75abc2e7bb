/**
 * `npm run size`: what each entry of the package weighs in a bundle, minified and gzipped, in bytes. Kysely and the
 * drivers are not counted, as they are packages of their own; neither is what is loaded on demand (`import()`), such as
 * the doctor, transactions, repositories, and what looks after a file. Fails when the core is heavier than its limit.
 * `--json` prints a line `{ entry, bytes, gzipBytes }` each.
 *
 * `unbusy` is what `import { openStorage } from 'unbusy'` brings; every other entry is counted whole, with what it
 * shares with the core.
 *
 * @module
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'

/** What one entry weighs. */
interface Weight {
  readonly entry: string
  readonly bytes: number
  readonly gzipBytes: number
}

/** The part of Bun's metafile that is read; paths are relative to the output folder. */
interface Metafile {
  readonly outputs: Record<
    string,
    {
      readonly entryPoint?: string
      readonly imports: readonly { readonly path: string; readonly kind: string }[]
    }
  >
}

/** So much may `import { openStorage } from 'unbusy'` bring, gzipped: what it brings today, and little more. */
const coreLimitBytes = 25_980

const { exports } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  readonly exports: Record<string, { readonly 'unbusy-source': string }>
}
const weights = Object.entries(exports).map(([entry, { 'unbusy-source': source }]) =>
  entry === '.'
    ? weigh('unbusy', `export { openStorage } from ${JSON.stringify(resolve(source))}`)
    : weigh(entry.replace('.', 'unbusy'), `export * from ${JSON.stringify(resolve(source))}`),
)

for (const weight of weights)
  console.log(process.argv.includes('--json') ? JSON.stringify(weight) : lineOf(weight))
const core = weights.find(({ entry }) => entry === 'unbusy')
if (core === undefined || core.gzipBytes > coreLimitBytes) {
  console.error(`unbusy: ${core?.gzipBytes} bytes gzipped, which must not be more than ${coreLimitBytes}`)
  process.exitCode = 1
}

/** Bundles a program of one line as an application would, and adds up the files that it loads at its start. */
function weigh(entry: string, program: string): Weight {
  const folder = mkdtempSync(join(tmpdir(), 'unbusy-size-'))
  try {
    writeFileSync(join(folder, 'entry.js'), program)
    const metafile = join(folder, 'meta.json')
    const outdir = join(folder, 'out')
    // Bun's command, as its API is there on Bun alone. The target only decides what is left out: node:fs and the like.
    execFileSync(
      'bun',
      [
        ...['build', join(folder, 'entry.js'), '--minify', '--splitting', '--target', 'node'],
        ...['--packages', 'external', '--external', 'bun:sqlite'],
        ...['--outdir', outdir, `--metafile=${metafile}`],
      ],
      {
        env: { ...process.env, PATH: `${resolve('node_modules/.bin')}${delimiter}${process.env.PATH}` },
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    )
    const files = staticFilesOf(JSON.parse(readFileSync(metafile, 'utf8')) as Metafile)
    const code = files.map((file) => readFileSync(join(outdir, file)))
    return { entry, bytes: sum(code), gzipBytes: sum(code.map((file) => gzipSync(file, { level: 9 }))) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The entry and what it imports statically, directly or not. */
function staticFilesOf({ outputs }: Metafile): readonly string[] {
  const files = new Set(
    Object.keys(outputs).filter((file) => outputs[file]?.entryPoint?.endsWith('entry.js')),
  )
  // A set that grows while it is walked is walked to its new end.
  for (const file of files) {
    for (const { path, kind } of outputs[file]?.imports ?? [])
      if (kind === 'import-statement' && outputs[path] !== undefined) files.add(path)
  }
  return [...files]
}

function sum(files: readonly Uint8Array[]): number {
  return files.reduce((total, { byteLength }) => total + byteLength, 0)
}

function lineOf({ entry, bytes, gzipBytes }: Weight): string {
  return `${entry.padEnd(24)}${String(bytes).padStart(8)} bytes, ${String(gzipBytes).padStart(6)} gzipped`
}
