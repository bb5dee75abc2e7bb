/**
 * The figures as Prometheus text. Nothing is counted twice: each metric reads the storage's, or the server's, own figures
 * when it is asked for.
 *
 * @module
 */
import prometheus, { type Registry } from 'prom-client'
import type { Figures } from './figures.ts'
import { metrics } from './metric-list.ts'

/** Makes a registry of its own: several servers in one process do not meet in the default one. */
export function metricsRegistry(figures: () => Figures): Registry {
  const registry = new prometheus.Registry()
  for (const { name, help, label, value } of metrics) {
    const configuration = {
      name,
      help,
      labelNames: label === undefined ? [] : [label],
      registers: [registry],
    }
    const each = (set: (value: number, labels: Record<string, string>) => void): void => {
      const current = value(figures())
      if (typeof current === 'number') set(current, {})
      else for (const [key, one] of Object.entries(current)) set(one, { [label ?? 'of']: key })
    }
    if (!name.endsWith('_total')) {
      new prometheus.Gauge({
        ...configuration,
        collect() {
          each((now, labels) => this.set(labels, now))
        },
      })
      continue
    }
    new prometheus.Counter({
      ...configuration,
      collect() {
        this.reset()
        each((now, labels) => this.inc(labels, now))
      },
    })
  }
  return registry
}
