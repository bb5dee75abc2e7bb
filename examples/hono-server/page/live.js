// The live page: reads the lists once per connection, then follows the events. Nothing is asked for again and again.
import { showFigures } from './figures.js'
import { Listing } from './listing.js'

const machines = new Listing('machines', (machine) => machine.metadata || machine.id)
const sessions = new Listing('sessions', (session) => session.tag)

/** `GET /v1/sessions` has so many at most. */
const mostSessions = 150

/** The one event stream of this page, and until when it may say nothing. */
let source
let silence
let isLoading = false
/** Events that came while the lists were being read; they may be newer than the lists. */
let early = []

connect()
setInterval(draw, 1_000)

function connect() {
  const stream = new EventSource('/v1/events')
  source = stream
  stream.onopen = () => load(stream)
  stream.onerror = () => lose(stream)
  for (const name of ['ephemeral', 'update', 'figures']) {
    stream.addEventListener(name, ({ data }) => {
      listen()
      receive(name, JSON.parse(data))
    })
  }
  listen()
}

/** Figures come every second: a server that is gone without a word is found out by their absence. */
function listen() {
  clearTimeout(silence)
  silence = setTimeout(lose, 10_000, source)
}

function lose(stream) {
  // Lost once already: what was read for it fails on its own.
  if (stream !== source) return
  source = undefined
  clearTimeout(silence)
  setConnection('lost', 'Connection lost. Trying again…')
  // Closed by the browser: the server answered, but with no stream.
  const isRefused = stream.readyState === EventSource.CLOSED
  stream.close()
  setTimeout(isRefused ? signInOrConnect : connect, 1_500)
}

/** Only who is asked for a token needs another page: where there is no server, this one would be gone with the reload. */
async function signInOrConnect() {
  const response = await fetch('/metrics').catch(() => undefined)
  if (response?.status === 401) location.reload()
  else connect()
}

async function load(stream) {
  isLoading = true
  early = []
  try {
    const [machineList, { sessions: sessionList }] = await Promise.all([
      read('/v1/machines'),
      read('/v1/sessions'),
    ])
    if (stream !== source) return
    machines.replace(machineList)
    sessions.replace(sessionList, sessionList.length === mostSessions)
    setConnection('open', 'Live')
  } catch {
    return lose(stream)
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
