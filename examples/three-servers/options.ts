/**
 * The options of the program, from its command line.
 *
 * @module
 */
import { parseArgs } from 'node:util'
import type { ServerChoice } from './database-server.ts'

/** How to run it. */
export interface Options {
  /** Whether the servers go on after the table, for a person to look at. */
  readonly keep: boolean
  /** Whether the last line is the result in JSON. */
  readonly json: boolean
  readonly server: ServerChoice
  /** Of the first server; the others have the next two. 0 takes free ones. */
  readonly port: number
  /** How long each phase of load is, in milliseconds. */
  readonly phaseMs: number
}

/** @throws {TypeError | RangeError} If one cannot be used. */
export function optionsOf(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      keep: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      server: { type: 'string', default: 'any' },
      port: { type: 'string', default: '0' },
      'phase-ms': { type: 'string', default: '3000' },
    },
  })
  const { keep, json, server, port, 'phase-ms': phaseMs } = values
  if (server !== 'any' && server !== 'real' && server !== 'in-repo')
    throw new RangeError(`Cannot use --server as it must be any, real or in-repo: current value is ${server}`)
  return {
    keep,
    json,
    server,
    port: numberOf('port', port, 0, 65_533),
    phaseMs: numberOf('phase-ms', phaseMs, 100, 600_000),
  }
}

function numberOf(name: string, text: string, least: number, most: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= least && value <= most) return value
  throw new RangeError(
    `Cannot use --${name} as it must be from ${least} to ${most}: current value is ${text}`,
  )
}
