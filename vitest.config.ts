/**
 * One configuration for the test suite on Node, Bun and Deno: where the tests are, and how `unbusy` resolves to source.
 *
 * @module
 */
import { fileURLToPath } from 'node:url'
import { defineConfig, type ViteUserConfig } from 'vitest/config'

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

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
    include: ['test/**/*.test.ts'],
    // Bun cannot run the forks pool (oven-sh/bun#33593); on Deno the threads pool ends in unhandled rejections.
    pool: 'Bun' in globalThis ? 'threads' : 'forks',
    testTimeout: 30_000,
    hookTimeout: 30_000,
    reporters: ['default', at('./test/run/tally-reporter.ts')],
  },
})

export default config
