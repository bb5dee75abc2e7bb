/**
 * The figures in Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/). Nothing is counted
 * twice: each metric reads the storage's, or the server's, own figures when it is asked for. That is also why there is no
 * client library: those count by themselves, and are written for Node.
 *
 * @module
 */
import type { Figures } from './figures.ts'
import { metrics } from './metric-list.ts'

/** The content type of {@linkcode metricsText}. */
export const metricsType = 'text/plain; version=0.0.4; charset=utf-8'

/** All metrics as they are now. No label of ours has a character that would have to be escaped. */
export function metricsText(figures: Figures): string {
  return metrics
    .map(({ name, help, label = 'of', value }) => {
      const current = value(figures)
      const samples =
        typeof current === 'number'
          ? [`${name} ${current}`]
          : Object.entries(current).map(([key, one]) => `${name}{${label}="${key}"} ${one}`)
      const type = name.endsWith('_total') ? 'counter' : 'gauge'
      return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples, ''].join('\n')
    })
    .join('\n')
}
