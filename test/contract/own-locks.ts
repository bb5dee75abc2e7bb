/**
 * The POSIX locks of this process on a file, as the system tells of its descriptors. Not from /proc/locks: lines of it
 * come twice, or not at all, while other processes lock and unlock.
 *
 * @module
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'

/** None where the system does not tell. */
export function ownLocksOn(path: string): string[] {
  if (process.platform !== 'linux') return []
  const isOurs = new RegExp(`^lock:.* ${process.pid} \\S+:${statSync(path).ino} (.*)`)
  return readdirSync('/proc/self/fdinfo').flatMap((descriptor) =>
    linesOf(`/proc/self/fdinfo/${descriptor}`).flatMap((line) => isOurs.exec(line)?.[1] ?? []),
  )
}

/** None of a file that is gone: the descriptor that listed the folder is closed by now. */
function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n')
  } catch {
    return []
  }
}
