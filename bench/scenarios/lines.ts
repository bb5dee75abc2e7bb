/**
 * How a program of the scenarios talks with who started it: one JSON value a line, each way.
 *
 * @module
 */
import process from 'node:process'
import { createInterface } from 'node:readline'

/** Prints one line, at once: on a pipe that is synchronous, so that a program that freezes next has told it. */
export function say(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

/** Calls back with each line that comes. Ends the process when its input ends, as it does when its parent dies. */
export function hear<T>(onLine: (line: T) => void): void {
  createInterface({ input: process.stdin })
    .on('line', (line) => onLine(JSON.parse(line)))
    .on('close', () => process.exit(1))
}
