/**
 * Keeps the two manifests one: what npm users and Deno users import has the same names, sources and version ranges,
 * and every entry is a file that exists.
 *
 * @module
 */
import { existsSync, readFileSync } from 'node:fs'

interface PackageJson {
  readonly version: string
  readonly exports: Record<string, Record<string, string>>
  readonly bin: Record<string, string>
  readonly peerDependencies: Record<string, string>
  readonly devDependencies: Record<string, string>
}

interface DenoJson {
  readonly version: string
  readonly exports: Record<string, string>
  readonly imports: Record<string, string>
}

const npm = readJson<PackageJson>('package.json')
const deno = readJson<DenoJson>('deno.json')
const complaints = [...compareEntries(), ...checkCommands(), ...compareRanges(), ...compareVersions()]

for (const complaint of complaints) console.error(complaint)
if (complaints.length > 0) process.exitCode = 1
else
  console.log(
    `${Object.keys(npm.exports).length} entries: package.json and deno.json agree, every source exists`,
  )

function* compareEntries(): Generator<string> {
  for (const entry of new Set([...Object.keys(npm.exports), ...Object.keys(deno.exports)])) {
    const source = npm.exports[entry]?.['unbusy-source']
    if (source === undefined || source !== deno.exports[entry]) {
      yield `entry ${entry}: package.json has source ${source}, deno.json has ${deno.exports[entry]}`
      continue
    }
    if (!existsSync(source)) yield `entry ${entry}: ${source} does not exist`

    const built = source.replace(/^\.\//, './dist/').replace(/\.ts$/, '')
    const expected = { types: `${built}.d.ts`, 'unbusy-source': source, default: `${built}.js` }
    // Compared as text because the order of conditions decides which one a resolver takes.
    if (JSON.stringify(npm.exports[entry]) !== JSON.stringify(expected)) {
      yield `entry ${entry}: package.json must have ${JSON.stringify(expected)}, in this order`
    }

    const alias = entry.replace(/^\./, 'unbusy')
    if (deno.imports[alias] !== source) yield `deno.json: imports must map ${alias} to ${source}`
  }
}

/** A command is a built file whose source exists and says what runs it; npm makes it executable. */
function* checkCommands(): Generator<string> {
  for (const [name, built] of Object.entries(npm.bin)) {
    const source = built.replace(/^dist\//, './').replace(/\.js$/, '.ts')
    if (!existsSync(source)) yield `command ${name}: ${source}, the source of ${built}, does not exist`
    else if (!readFileSync(source, 'utf8').startsWith('#!/usr/bin/env node\n'))
      yield `command ${name}: ${source} must begin with #!/usr/bin/env node`
  }
}

/** Deno refuses to start where node_modules holds a version outside the range of its import map. */
function* compareRanges(): Generator<string> {
  for (const [name, target] of Object.entries(deno.imports)) {
    if (!target.startsWith('npm:')) continue
    const pin = npm.devDependencies[name]
    const expected = `npm:${name}@${npm.peerDependencies[name] ?? `^${pin}`}`
    if (target !== expected)
      yield `deno.json: imports must map ${name} to ${expected}: current value is ${target}`

    const installed = readJson<{ version: string }>(`node_modules/${name}/package.json`).version
    if (!isWithinCaret(installed, expected.slice(expected.lastIndexOf('^') + 1))) {
      yield `${name}: installed version ${installed} is outside ${expected}`
    }
  }
}

function* compareVersions(): Generator<string> {
  if (npm.version !== deno.version)
    yield `version: package.json has ${npm.version}, deno.json has ${deno.version}`
}

/** A caret fixes the first number that is not zero; what comes after it may only grow. */
function isWithinCaret(version: string, floor: string): boolean {
  const [a, b] = [version, floor].map((text) => text.split('.').map(Number)) as [number[], number[]]
  const fixed = b.findIndex((part) => part > 0)
  const firstDifference = b.findIndex((part, index) => part !== a[index])
  if (firstDifference === -1) return true

  return firstDifference > fixed && (a[firstDifference] as number) > (b[firstDifference] as number)
}

function readJson<T>(file: string): T {
  return JSON.parse(readFileSync(file, 'utf8')) as T
}
