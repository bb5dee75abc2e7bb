/**
 * What the library says by itself when a file is opened: only what can cost data, and only what is cheap to see.
 *
 * @module
 */
import type { Connector } from '../connector.ts'
import { type Warn, warnOnce } from '../events/warning.ts'
import { checkFileSystem } from './file-systems.ts'
import { checkDriverVersions } from './known-bugs.ts'

/** Warns of a network file system once a file, and of a driver with a known bug once a process. */
export function warnAboutSurroundings({ name, location, file }: Connector, warn?: Warn): void {
  if (file === undefined) return
  const fileSystem = checkFileSystem(file.fileSystemType())
  if (fileSystem.severity === 'danger') {
    warnOnce(`file-system ${location}`, `unbusy: ${location}: ${sentence(fileSystem)}`, warn)
  }
  for (const check of checkDriverVersions(name, file.partVersions())) {
    if (check.severity === 'ok' || check.severity === 'info') continue
    warnOnce(check.message, `unbusy: ${sentence(check)}`, warn)
  }
}

function sentence({ message, advice }: { readonly message: string; readonly advice?: string }): string {
  return advice === undefined ? message : `${message}. ${advice}`
}
