/**
 * Figures as people read them.
 *
 * @module
 */
import type { FileHolder } from '../connector/file-facts.ts'

/** `12 (node, writing), 13 (python3)`. */
export function listHolders(holders: readonly FileHolder[]): string {
  const name = ({ pid, command, isSelf, activities }: FileHolder): string => {
    const notes = [isSelf ? 'this process' : command, ...activities].filter((note) => note !== '')
    return notes.length === 0 ? `${pid}` : `${pid} (${notes.join(', ')})`
  }
  const shown = holders.slice(0, 10).map(name).join(', ')
  return holders.length > 10 ? `${shown} and ${holders.length - 10} more` : shown
}

/** `4.1 KiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`
  const units = ['KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes / 1024
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${value.toFixed(1)} ${units[unit]}`
}
