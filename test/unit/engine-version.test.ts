/** Which SQLite versions have the WAL-reset bug: https://www.sqlite.org/changes.html, 3.51.3 and its backports. */
import { describe, expect, it } from 'vitest'
import { hasNoopCheckpoint, hasWalResetBug } from '../../src/connection/engine-version.ts'

const affected = [
  '3.7.0',
  '3.8.11',
  '3.44.5',
  '3.45.1',
  '3.49.2',
  '3.50.0',
  '3.50.6',
  '3.51.0',
  '3.51.2',
  '3.52.0',
]
const sound = [
  '3.6.23',
  '3.44.6',
  '3.44.7',
  '3.50.7',
  '3.51.3',
  '3.53.0',
  '3.53.4',
  '3.54.1',
  '3.100.0',
  '4.0.0',
]

describe('hasWalResetBug', () => {
  it.each(affected)('SQLite %s has it', (version) => {
    expect(hasWalResetBug(version)).toBe(true)
  })

  it.each(sound)('SQLite %s does not have it', (version) => {
    expect(hasWalResetBug(version)).toBe(false)
  })
})

describe('hasNoopCheckpoint', () => {
  it.each(['3.44.6', '3.45.1', '3.50.7'])('SQLite %s takes NOOP for PASSIVE', (version) => {
    expect(hasNoopCheckpoint(version)).toBe(false)
  })

  it.each(['3.51.0', '3.51.3', '3.54.1', '4.0.0'])('SQLite %s has it', (version) => {
    expect(hasNoopCheckpoint(version)).toBe(true)
  })
})
