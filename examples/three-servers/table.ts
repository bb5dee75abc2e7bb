/**
 * The findings as a table for people.
 *
 * @module
 */
import type { Finding } from './audit.ts'

const head = ['', 'acknowledged', 'found', 'lost', 'twice', 'the answer promised']

/** All lines of it. */
export function tableOf(findings: readonly Finding[]): string {
  const rows = findings.map(({ what, promise, ...counts }) => [
    what,
    ...[counts.acknowledged, counts.found, counts.lost, counts.twice].map(String),
    promise,
  ])
  return [head, ...rows].map(lineOf).join('\n')
}

function lineOf([
  what = '',
  acknowledged = '',
  found = '',
  lost = '',
  twice = '',
  promise = '',
]: string[]): string {
  const figures = [acknowledged.padStart(12), found.padStart(8), lost.padStart(6), twice.padStart(6)]
  return `${what.padEnd(20)}${figures.join('')}   ${promise}`
}
