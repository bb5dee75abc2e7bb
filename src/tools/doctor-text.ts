/**
 * A doctor's report for people.
 *
 * @module
 */
import { styleText } from 'node:util'
import type { DoctorReport, DoctorSeverity } from '../doctor/report.ts'

const colors = { ok: 'green', info: 'cyan', warning: 'yellow', danger: 'red' } as const

const verdicts: Readonly<Record<DoctorSeverity, string>> = {
  ok: 'Nothing is wrong.',
  info: 'Nothing is wrong.',
  warning: 'Something wants attention.',
  danger: 'Data is in danger.',
}

/** Room for the longest word in front of a finding. */
const labelWidth = 9
const textWidth = 96

/** Formats a report. Colours are for a terminal. */
export function formatReport({ database, checks, severity }: DoctorReport, inColor: boolean): string {
  const paint = (word: DoctorSeverity, text: string): string =>
    // The caller has looked at the terminal and at NO_COLOR already.
    inColor ? styleText([colors[word], 'bold'], text, { validateStream: false }) : text
  const lines = checks.flatMap((check) => {
    const [first = '', ...rest] = wrap(`${check.name}: ${check.message}`)
    const advice = check.advice === undefined ? [] : wrap(`-> ${check.advice}`)
    const label = paint(check.severity, check.severity.padEnd(labelWidth))
    return [`${label}${first}`, ...[...rest, ...advice].map((line) => `${' '.repeat(labelWidth)}${line}`)]
  })
  const counts = (['danger', 'warning', 'info', 'ok'] as const)
    .map((each) => [checks.filter((check) => check.severity === each).length, each] as const)
    .filter(([count]) => count > 0)
    .map(([count, each]) => `${count} ${each}${each === 'warning' && count > 1 ? 's' : ''}`)
  return [
    `Database ${database}`,
    '',
    ...lines,
    '',
    `${paint(severity, verdicts[severity])} ${counts.join(', ')}`,
    '',
  ].join('\n')
}

function wrap(text: string): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + word.length + 1 > textWidth) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}
