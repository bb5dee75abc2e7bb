// The figures of the page. Totals come every second; what happened in between is the rate.

const chartPoints = 60
/** A flush a second, looked at every second, is seen twice or not at all now and then: rates are those of 4 s. */
const rateSamples = 5
let samples = []

export function showFigures({ storage, presence, usage, events, swept }) {
  const { session, machine } = presence
  const now = {
    atMs: performance.now(),
    stored: session.flushed + machine.flushed,
    cycles: storage.lockCycles,
  }
  const last = samples.at(-1)
  // After a restart of the server its totals start again.
  if (last !== undefined && (now.stored < last.stored || now.cycles < last.cycles)) samples = []
  samples = [...samples, now].slice(-rateSamples)
  const [first] = samples
  const seconds = (now.atMs - first.atMs) / 1_000
  if (seconds > 0.5) {
    showRate('stored', (now.stored - first.stored) / seconds)
    showRate('cycle', (now.cycles - first.cycles) / seconds)
  }

  document.getElementById('connector').textContent = storage.connector
  const { control, normal, background } = storage.queuedByLane
  show('stored', now.stored)
  show('pending', session.pending + machine.pending)
  show('cycles', storage.lockCycles)
  show('refused', storage.lockAttempts - storage.lockCycles)
  show('queued', storage.queuedWrites)
  show('queued-control', control)
  show('queued-normal', normal)
  show('queued-background', background)
  show('largest', storage.largestGroup)
  show('usage', usage.flushed - usage.duplicates)
  show('usage-pending', usage.pending)
  show('usage-duplicates', usage.duplicates)
  show('usage-dropped', usage.dropped)
  show('watchers', events.clients)
  show('swept', swept)
}

const rates = new Map()

function showRate(name, rate) {
  show(`${name}-rate`, Math.round(rate))
  const points = [...(rates.get(name) ?? []), rate].slice(-chartPoints)
  rates.set(name, points)
  const top = Math.max(1, ...points)
  const line = points.map((value, index) => {
    const x = 120 - (points.length - 1 - index) * (120 / (chartPoints - 1))
    return `${x.toFixed(1)} ${(26 - (value / top) * 24).toFixed(1)}`
  })
  const chart = document.getElementById(`${name}-chart`)
  const path = chart.firstElementChild ?? document.createElementNS('http://www.w3.org/2000/svg', 'path')
  path.setAttribute('d', `M${line.join('L')}`)
  chart.append(path)
}

function show(id, value) {
  const text = value.toLocaleString('en')
  const element = document.getElementById(id)
  if (element.textContent !== text) element.textContent = text
}
