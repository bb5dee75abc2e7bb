/**
 * `bun test/edge/bundle.ts <entry> <folder>`: one module that workerd can load, with the library's sources in it. A
 * program of its own, as only Bun has the bundler, and the tests run elsewhere.
 *
 * `--cases` takes what the contract cases import from their surroundings from this folder: on the edge there are no
 * processes and no files.
 *
 * @module
 */
import { resolve } from 'node:path'

const [entry = '', outdir = '', flag] = process.argv.slice(2)
const replaced: Readonly<Record<string, string>> = {
  './case.ts': 'case.ts',
  './foreign-handle.ts': 'peer.ts',
  './matrix.ts': 'matrix.ts',
  '../processes/peer.ts': 'peer.ts',
}

const { outputs } = await Bun.build({
  entrypoints: [resolve(entry)],
  outdir,
  target: 'browser',
  // The package has no side effects, as its manifest says; its tests have nothing else.
  ignoreDCEAnnotations: true,
  conditions: ['workerd', 'worker', 'browser', 'unbusy-source'],
  plugins: [
    {
      name: 'edge',
      setup(build) {
        // Or the bundler would put a substitute in its place: workerd shall say what it does not have.
        build.onResolve({ filter: /^(node|bun):/ }, ({ path }) => ({ path, external: true }))
        if (flag !== '--cases') return
        // A second copy of a module, which a bundle cannot have.
        build.onResolve({ filter: /\?reloaded$/ }, ({ path }) => ({ path, external: true }))
        build.onResolve({ filter: /(case|foreign-handle|matrix|peer)\.ts$/ }, ({ path, importer }) => {
          const file = importer.includes('/test/contract/') ? replaced[path] : undefined
          return file === undefined ? undefined : { path: resolve(import.meta.dirname, file) }
        })
      },
    },
  ],
})
console.log(outputs[0]?.path)
