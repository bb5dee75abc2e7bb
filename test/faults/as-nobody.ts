/** Runs a program without the privileges of root, to whom no permission is denied. */
import { execFile, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { ConnectorName, RuntimeName } from '../contract/matrix.ts'
import { binary } from '../processes/peer.ts'
import { leadingArguments } from '../processes/program.ts'

const run = promisify(execFile)
const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups'] as const

/** `true`, or the reason why not. */
export const canDropPrivileges: true | string = dropping()

function dropping(): true | string {
  if (process.getuid === undefined) return 'this system has no users'
  if (process.getuid() !== 0) return true
  const { status } = spawnSync('setpriv', [...nobody, 'true'])
  return status === 0 || 'root may do everything, and setpriv(1) cannot make it a user without privileges'
}

/** Runs a program of this folder as a user without privileges, and answers the JSON that it printed. */
export async function runAsNobody<T>(
  program: string,
  runtime: RuntimeName,
  connector: ConnectorName,
  ...programArgs: readonly string[]
): Promise<T> {
  const path = fileURLToPath(new URL(`${program}.ts`, import.meta.url))
  const command = [binary(runtime), ...leadingArguments[runtime], path, connector, ...programArgs]
  const prefix = process.getuid?.() === 0 ? ['setpriv', ...nobody] : []
  const [file = '', ...args] = [...prefix, ...command]
  // Runtimes keep caches in HOME, which is not nobody's.
  const { stdout } = await run(file, args, { env: { ...process.env, HOME: '/nonexistent' } })
  return JSON.parse(stdout)
}

/** Has a user without privileges open databases, and answers the error that each met. */
export function openAsNobody(
  runtime: RuntimeName,
  connector: ConnectorName,
  paths: readonly string[],
): Promise<readonly { readonly name: string; readonly message: string }[]> {
  return runAsNobody('open-program', runtime, connector, ...paths)
}
