/**
 * Keeps the floors of the library: imports only point down, so a file can be read and tested without what stands on it,
 * and so can a folder of the core together with the file that is its front (`connection/` with `connection.ts`). Fails on
 * a cycle of either, on a folder that reaches up, and on a core that imports anything but Kysely.
 *
 * @module
 */
import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** What a file of each folder may import besides its own folder; `packages` undefined is anything. */
const floors: Record<string, { readonly folders: readonly string[]; readonly packages?: readonly string[] }> =
  {
    src: { folders: [], packages: ['kysely'] },
    // The command line chooses a driver, as unbusy/auto does; adapters never import tools.
    'src/tools': { folders: ['src', 'adapters'] },
    adapters: { folders: ['src'] },
    // The demo imports the library by its published names, as a user does.
    examples: { folders: [] },
  }

const files = globSync('{src,adapters,examples}/**/*.ts')
  .filter((file) => !file.includes('node_modules'))
  .sort()
const importsOf = new Map(files.map((file) => [file, readImports(file)]))
const complaints = [...findForbidden(), ...findCycles(importedFiles()), ...findCycles(importedParts())]

for (const complaint of complaints) console.error(complaint)
if (complaints.length > 0) process.exitCode = 1
else console.log(`${files.length} files: no import cycle, no import that points up`)

/** The specifiers of a file, type imports included: a floor that needs a type from above is not a floor either. */
function readImports(file: string): readonly string[] {
  // Comment lines are dropped, as the examples in them import too. The patterns are narrow, so that SQL's FROM is no hit.
  const source = readFileSync(file, 'utf8').replace(/^\s*(?:\*|\/\/|\/\*).*$/gm, '')
  const patterns = [
    /^\s*import\s+(?:[\w$*\s{},]+\sfrom\s*)?['"]([^'"]+)['"]/gm,
    /^\s*export\s+(?:type\s+)?(?:\*(?:\s+as\s+\w+)?|\{[^}]*\})\s*from\s*['"]([^'"]+)['"]/gm,
    /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g,
  ]

  return patterns.flatMap((pattern) => [...source.matchAll(pattern)].map((match) => match[1] as string))
}

function* findForbidden(): Generator<string> {
  for (const [file, specifiers] of importsOf) {
    const folder = folderOf(file)
    const floor = floors[folder] as (typeof floors)[string]
    for (const specifier of specifiers) {
      if (specifier.startsWith('.')) {
        const target = folderOf(resolveImport(file, specifier))
        if (target === folder || floor.folders.includes(target)) continue
      } else if (floor.packages?.includes(packageOf(specifier)) ?? true) continue
      yield `${file} must not import ${specifier}: ${folder} may import ${allowed(folder)}`
    }
  }
}

type Graph = ReadonlyMap<string, ReadonlySet<string>>

/** Which file imports which. */
function importedFiles(): Graph {
  const local = (file: string, specifiers: readonly string[]): readonly string[] =>
    specifiers
      .filter((specifier) => specifier.startsWith('.'))
      .map((specifier) => join(dirname(file), specifier))
  return new Map([...importsOf].map(([file, specifiers]) => [file, new Set(local(file, specifiers))]))
}

/** Which part of the core imports which other. */
function importedParts(): Graph {
  const parts = new Map<string, Set<string>>()
  for (const [file, targets] of importedFiles()) {
    if (folderOf(file) !== 'src') continue
    const part = partOf(file)
    const imported = parts.get(part) ?? new Set()
    for (const target of targets) if (partOf(target) !== part) imported.add(partOf(target))
    parts.set(part, imported)
  }
  return parts
}

/** A folder of the core and its front are one part, a file without a folder is one by itself. */
function partOf(file: string): string {
  return file.replace(/^(src\/[^/]+?)(?:\.ts|\/.*)$/, '$1')
}

function* findCycles(graph: Graph): Generator<string> {
  const finished = new Set<string>()

  function* visit(node: string, path: readonly string[]): Generator<string> {
    if (path.includes(node)) {
      yield `import cycle: ${[...path.slice(path.indexOf(node)), node].join(' -> ')}`
      return
    }
    if (finished.has(node)) return
    for (const imported of graph.get(node) ?? []) yield* visit(imported, [...path, node])
    finished.add(node)
  }

  for (const node of graph.keys()) yield* visit(node, [])
}

function resolveImport(file: string, specifier: string): string {
  return join(dirname(file), specifier)
}

function folderOf(file: string): string {
  return file.startsWith('src/tools/') ? 'src/tools' : (file.split('/')[0] as string)
}

/** `kysely/migration` is part of `kysely`, `@libsql/client/web` of `@libsql/client`. */
function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}

function allowed(folder: string): string {
  const { folders, packages } = floors[folder] as (typeof floors)[string]

  return [folder, ...folders, ...(packages ?? ['any package'])].join(', ')
}
