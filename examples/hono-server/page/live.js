// The live page: reads the lists once per connection, then follows the events. Nothing is asked for again and again.
import { showFigures } from './figures.js'
import { Listing } from './listing.js'

const machines = new Listing('machines', (machine) => machine.metadata || machine.id)
const sessions = new Listing('sessions', (session) => session.tag)

/** The one event stream of this page, and until when it may say nothing. */
let source
let silence
let isLoading = false
/** Events that came while the lists were being read; they may be newer than the lists. */
let early = []

connect()
setInterval(draw, 1_000)

function connect() {
  source = new EventSource('/v1/events')
  source.onopen = load
  source.onerror = lose
  for (const name of ['ephemeral', 'update', 'figures']) {
    source.addEventListener(name, ({ data }) => {
      listen()
      receive(name, JSON.parse(data))
    })
  }
  listen()
}

/** Figures come every second: a server that is gone without a word is found out by their absence. */
function listen() {
  clearTimeout(silence)
  silence = setTimeout(lose, 10_000)
}

function lose() {
  clearTimeout(silence)
  setConnection('lost', 'Connection lost. Trying again…')
  // Closed by the browser: the server answered, but with no stream. Perhaps it wants to know who this is.
  const isRefused = source.readyState === EventSource.CLOSED
  source.close()
  setTimeout(() => (isRefused ? location.reload() : connect()), 1_500)
}

async function load() {
  isLoading = true
  early = []
  try {
    const [machineList, { sessions: sessionList }] = await Promise.all([
      read('/v1/machines'),
      read('/v1/sessions'),
    ])
    machines.replace(machineList)
    sessions.replace(sessionList)
    setConnection('open', 'Live')
  } catch {
    return lose()
  }
  isLoading = false
  for (const [name, data] of early) receive(name, data)
  draw()
}

async function read(path) {
  const response = await fetch(path)
  if (!response.ok) throw new Error(`${path} answered ${response.status}`)
  return response.json()
}

function receive(name, data) {
  if (name === 'figures') return showFigures(data)
  if (isLoading) return early.push([name, data])
  if (name === 'update') {
    const { machine, session } = data.body
    if (machine) machines.update(machine)
    if (session) sessions.update(session)
  }
  if (data.type === 'activity') sessions.see(data)
  if (data.type === 'machine-activity') machines.see(data)
  drawSoon()
}

let isDue = false
/** Thousands of events a second are one drawing a frame. */
function drawSoon() {
  if (isDue) return
  isDue = true
  requestAnimationFrame(draw)
}

function draw() {
  isDue = false
  machines.draw()
  sessions.draw()
}

function setConnection(state, text) {
  document.body.dataset.connection = state
  document.getElementById('connection').textContent = text
}
