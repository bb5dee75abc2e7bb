/**
 * The metrics of this server: their names, and where in the figures they are.
 *
 * @module
 */
import type { Figures } from './figures.ts'

type Value = number | Readonly<Record<string, number>>

/** One metric. */
export interface Metric {
  /** Counters end in `_total`, as Prometheus wants it. */
  readonly name: string
  readonly help: string
  /** The name of the label, if the value is one number a label. */
  readonly label?: string
  readonly value: (figures: Figures) => Value
}

const buffers = (pick: (of: 'session' | 'machine', figures: Figures) => number) => (figures: Figures) => ({
  session: pick('session', figures),
  machine: pick('machine', figures),
})

/** All of them. */
export const metrics: readonly Metric[] = [
  {
    name: 'unbusy_queued_writes',
    help: 'Writes that wait for the writer.',
    label: 'lane',
    value: ({ storage }) => storage.queuedByLane,
  },
  {
    name: 'unbusy_lock_cycles_total',
    help: 'How often the write lock was taken.',
    value: ({ storage }) => storage.lockCycles,
  },
  {
    name: 'unbusy_lock_attempts_total',
    help: 'How often the write lock was asked for.',
    value: ({ storage }) => storage.lockAttempts,
  },
  {
    name: 'unbusy_largest_group',
    help: 'The most writes that shared one lock cycle.',
    value: ({ storage }) => storage.largestGroup,
  },
  {
    name: 'unbusy_open_readers',
    help: 'Readers that are open.',
    value: ({ storage }) => storage.openReaders,
  },
  {
    name: 'demo_presence_pending',
    help: 'Who was seen and is not stored yet.',
    label: 'of',
    value: buffers((of, { presence }) => presence[of].pending),
  },
  {
    name: 'demo_presence_known',
    help: 'Ids whose heartbeats need no look at the database.',
    label: 'of',
    value: buffers((of, { presence }) => presence[of].known),
  },
  {
    name: 'demo_presence_stored_total',
    help: 'Values of presence that were written.',
    label: 'of',
    value: buffers((of, { presence }) => presence[of].flushed),
  },
  {
    name: 'demo_presence_flushes_total',
    help: 'Flushes of presence that were committed.',
    label: 'of',
    value: buffers((of, { presence }) => presence[of].flushes),
  },
  {
    name: 'demo_presence_flush_failures_total',
    help: 'Flushes of presence that kept something for the next one.',
    label: 'of',
    value: buffers((of, { presence }) => presence[of].failures),
  },
  {
    name: 'demo_presence_dropped_total',
    help: 'Values of presence that will not be written.',
    label: 'of',
    value: buffers((of, { presence }) => presence[of].dropped),
  },
  {
    name: 'demo_usage_events_pending',
    help: 'Usage events that are not stored yet.',
    value: ({ usage }) => usage.pending,
  },
  {
    name: 'demo_usage_events_stored_total',
    help: 'Usage events that were written, duplicates included.',
    value: ({ usage }) => usage.flushed,
  },
  {
    name: 'demo_usage_events_duplicates_total',
    help: 'Usage events whose key was stored already.',
    value: ({ usage }) => usage.duplicates,
  },
  {
    name: 'demo_usage_events_dropped_total',
    help: 'Usage events that are lost.',
    label: 'reason',
    value: ({ usage }) => usage.droppedBy,
  },
  {
    name: 'demo_usage_events_flushes_total',
    help: 'Batches of usage events that were committed.',
    value: ({ usage }) => usage.flushes,
  },
  { name: 'demo_event_clients', help: 'Who watches.', value: ({ events }) => events.clients },
  {
    name: 'demo_events_published_total',
    help: 'Events that were told.',
    value: ({ events }) => events.published,
  },
  {
    name: 'demo_event_slow_clients_total',
    help: 'Watchers that were sent away because they read too slowly.',
    value: ({ events }) => events.slowClients,
  },
  {
    name: 'demo_swept_total',
    help: 'Sessions and machines that were marked as inactive.',
    value: ({ swept }) => swept,
  },
]
