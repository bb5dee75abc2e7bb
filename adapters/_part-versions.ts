/**
 * The versions of a driver's packages, read from where they are installed: most packages do not export theirs.
 *
 * @module
 */
import { readFileSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { PartVersion } from '../src/connector/file-facts.ts'

/** What each driver consists of, from the outside in: a package after the one that depends on it. */
const packagesOf: Readonly<Record<string, readonly string[]>> = {
  'better-sqlite3': ['better-sqlite3'],
  'bun-sqlite': ['kysely-bun-sqlite'],
  libsql: ['@libsql/client', 'libsql'],
}

/**
 * The versions of Kysely, of the driver's packages and of the runtime. What is not found is left out, as in a bundle or
 * under Yarn Plug'n'Play.
 */
export function partVersions(driver: string): readonly PartVersion[] {
  const known = found.get(driver) ?? findParts(driver)
  found.set(driver, known)
  return known
}

/** Asked at every opening, and the same all the time. */
const found = new Map<string, readonly PartVersion[]>()

function findParts(driver: string): readonly PartVersion[] {
  const parts: PartVersion[] = []
  const here = ownFolder()
  if (here !== undefined) {
    const kysely = findPackage('kysely', here)
    if (kysely !== undefined) parts.push({ name: 'kysely', version: kysely.version })
    let folder = here
    for (const name of packagesOf[driver] ?? []) {
      const part = findPackage(name, folder)
      if (part === undefined) break
      parts.push({ name, version: part.version })
      folder = part.folder
    }
  }
  return [...parts, runtimeVersion()]
}

/** `undefined` in a bundle for CommonJS, where `import.meta` is empty, and where this file came from elsewhere. */
function ownFolder(): string | undefined {
  // Written out: in CommonJS Bun's bundler replaces nothing else, and what is left of `import.meta` is a syntax error there.
  const url = import.meta.url as string | undefined
  return url?.startsWith('file:') ? dirname(fileURLToPath(url)) : undefined
}

/** Looks as Node does: in the node_modules of the folder, and of each folder above. */
function findPackage(name: string, from: string): { version: string; folder: string } | undefined {
  for (let at = from; ; at = dirname(at)) {
    try {
      const folder = realpathSync(join(at, 'node_modules', name))
      const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
        version?: unknown
      }
      if (typeof version === 'string') return { version, folder }
    } catch {
      // Not here: higher up, or nowhere.
    }
    if (dirname(at) === at) return undefined
  }
}

function runtimeVersion(): PartVersion {
  const { bun, deno, node } = process.versions
  if (bun !== undefined) return { name: 'bun', version: bun }
  if (deno !== undefined) return { name: 'deno', version: deno }
  return { name: 'node', version: node }
}
