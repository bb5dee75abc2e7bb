/**
 * One configuration for the test suite on Node, Bun and Deno: where the tests are, how `unbusy` resolves to source, and
 * which files have the machine to themselves.
 *
 * @module
 */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig, type ViteUserConfig } from 'vitest/config'

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

const tests = readdirSync(at('./test'), { recursive: true, encoding: 'utf8' })
  .map((path) => `test/${path.replaceAll('\\', '/')}`)
  .filter((path) => path.endsWith('.test.ts'))

/**
 * The files that measure time or growth closely, and say so themselves with `@runs-alone` and the reason in their first
 * comment. The others wait more than they work, so four of them at a time keep two cores busy.
 */
const alone = tests.filter((path) =>
  readFileSync(at(path), 'utf8').split('*/', 1)[0]?.includes('@runs-alone'),
)

/** In one process, which is what Bun's threads are, a fourth leaves libSQL's garbage uncollected now and then. */
const together = 'Bun' in globalThis ? 3 : 4

/** A server that is given is one for all files, and each empties it. */
const sharesServer = Boolean(process.env.LIBSQL_SERVER_URL)

const config: ViteUserConfig = defineConfig({
  resolve: {
    // The published names resolve to source, so that tests need no build and read as a user's code does.
    alias: [
      { find: /^unbusy$/, replacement: at('./src/index.ts') },
      { find: /^unbusy\/testing$/, replacement: at('./src/tools/testing.ts') },
      { find: /^unbusy\/(.+)$/, replacement: `${at('./adapters/')}$1.ts` },
    ],
  },
  test: {
    // Bun cannot run the forks pool (oven-sh/bun#33593); on Deno the threads pool ends in unhandled rejections.
    pool: 'Bun' in globalThis ? 'threads' : 'forks',
    testTimeout: 30_000,
    // Concurrent are only tests that mostly wait.
    maxConcurrency: 20,
    hookTimeout: 30_000,
    // What is polled for comes at once, and on a busy machine later.
    expect: { poll: { timeout: 15_000 } },
    reporters: ['default', at('./test/run/tally-reporter.ts')],
    projects: [
      {
        extends: true,
        test: {
          name: 'together',
          include: tests.filter((path) => !alone.includes(path)),
          maxWorkers: sharesServer ? 1 : together,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: { name: 'alone', include: alone, maxWorkers: 1, sequence: { groupOrder: 2 } },
      },
    ],
  },
})

export default config
