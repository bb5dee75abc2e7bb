/**
 * Shows results to people: the measured beside the wanted.
 *
 * @module
 */
import type { BenchResult } from './result.ts'
import { wantedOf } from './wanted.ts'

const common: readonly string[] = ['suite', 'case', 'connector', 'ratio', 'rounds', 'spread']

export const tableHead: string = row('case', 'ratio', 'wanted', '', 'rounds', 'spread', 'measured')

/** One line of the table. */
export function tableLine(result: BenchResult): string {
  const wanted = wantedOf(result.case)
  const verdict = wanted === undefined ? '' : result.ratio >= wanted ? 'ok' : 'short'
  return row(
    result.case,
    result.ratio.toFixed(2),
    wanted === undefined ? '-' : String(wanted),
    verdict,
    String(result.rounds),
    `${Math.round(result.spread * 100)} %`,
    figuresOf(result),
  )
}

function figuresOf(result: BenchResult): string {
  return Object.entries(result)
    .filter(([name]) => !common.includes(name))
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')
}

function row(
  ...[name = '', ratio = '', wanted = '', verdict = '', rounds = '', spread = '', figures = '']: string[]
): string {
  const columns = [
    name.padEnd(30),
    ratio.padStart(8),
    wanted.padStart(7),
    verdict.padEnd(5),
    rounds.padStart(6),
    spread.padStart(7),
    figures,
  ]
  return columns.join(' ').trimEnd()
}
