/** Runs a program without the privileges of root, to whom no permission is denied. */
import { execFile, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { ConnectorName, RuntimeName } from '../contract/matrix.ts'
import { binary } from '../processes/peer.ts'
import { leadingArguments } from '../processes/program.ts'

const run = promisify(execFile)
const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups'] as const
const program = fileURLToPath(new URL('open-program.ts', import.meta.url))

/** `true`, or the reason why not. */
export const canDropPrivileges: true | string = dropping()

function dropping(): true | string {
  if (process.getuid === undefined) return 'this system has no users'
  if (process.getuid() !== 0) return true
  const { status } = spawnSync('setpriv', [...nobody, 'true'])
  return status === 0 || 'root may do everything, and setpriv(1) cannot make it a user without privileges'
}

/** Has a user without privileges open databases, and answers the error that each met. */
export async function openAsNobody(
  runtime: RuntimeName,
  connector: ConnectorName,
  paths: readonly string[],
): Promise<readonly { readonly name: string; readonly message: string }[]> {
  const command = [binary(runtime), ...leadingArguments[runtime], program, connector, ...paths]
  const prefix = process.getuid?.() === 0 ? ['setpriv', ...nobody] : []
  const [file = '', ...args] = [...prefix, ...command]
  // Runtimes keep caches in HOME, which is not nobody's.
  const { stdout } = await run(file, args, { env: { ...process.env, HOME: '/nonexistent' } })
  return JSON.parse(stdout)
}
