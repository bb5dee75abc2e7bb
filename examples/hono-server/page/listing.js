// One list of the page, of machines or of sessions: what is known of each, and how the freshest ones are drawn.

/** Rows that are drawn; the rest is a number. */
const maxRows = 25
const silentAfterMs = 15 * 60_000

export class Listing {
  #name
  #labelOf
  #items = new Map()
  #rows = new Map()
  /** Whether there may be others, of whom nothing is known. */
  #isPart = false

  constructor(name, labelOf) {
    this.#name = name
    this.#labelOf = labelOf
  }

  replace(items, isPart = false) {
    this.#isPart = isPart
    const before = this.#items
    this.#items = new Map(
      items.map((item) => [item.id, { thinking: before.get(item.id)?.thinking, ...item }]),
    )
  }

  /** A change that was stored. One that is older than what is known says nothing new. */
  update(item) {
    const known = this.#items.get(item.id)
    if (known && known.seq > item.seq) return
    const activeAt = Math.max(item.activeAt, known?.activeAt ?? 0)
    this.#items.set(item.id, { ...known, ...item, activeAt })
  }

  /** A sign of life, or its absence. */
  see({ id, active, activeAt, thinking = false }) {
    const item = this.#items.get(id)
    if (!item || (active && activeAt < item.activeAt)) return
    this.#items.set(id, { ...item, active, activeAt, thinking })
  }

  draw() {
    const items = [...this.#items.values()].sort(byPresence)
    const shown = items.slice(0, maxRows)
    const list = this.#part('')
    for (const id of this.#rows.keys()) if (!shown.some((item) => item.id === id)) this.#remove(id)
    for (const [index, item] of shown.entries()) {
      const row = this.#rows.get(item.id) ?? this.#add(item.id)
      fill(row, this.#labelOf(item), stateOf(item), item)
      if (list.children[index] !== row) list.insertBefore(row, list.children[index] ?? null)
    }
    const active = items.filter((item) => ['active', 'thinking'].includes(stateOf(item))).length
    const known = this.#isPart ? `the latest ${items.length}` : items.length
    setText(this.#part('-count'), items.length === 0 ? '' : `${active} of ${known} active`)
    setText(this.#part('-more'), items.length > maxRows ? `and ${items.length - maxRows} more` : '')
    this.#part('-empty').hidden = items.length > 0
  }

  #part(suffix) {
    return document.getElementById(`${this.#name}${suffix}`)
  }

  #add(id) {
    const row = document.createElement('li')
    row.title = id
    for (const [tag, name] of [
      ['span', 'dot'],
      ['span', 'name'],
      ['span', 'state'],
    ]) {
      const part = document.createElement(tag)
      part.className = name
      row.append(part)
    }
    this.#rows.set(id, row)
    return row
  }

  #remove(id) {
    this.#rows.get(id).remove()
    this.#rows.delete(id)
  }
}

function fill(row, label, state, item) {
  const [, name, note] = row.children
  row.dataset.state = state
  setText(name, label)
  setText(note, noteOf(state, item))
}

function stateOf({ active, activeAt, thinking, endedAt, revokedAt }) {
  if (endedAt || revokedAt) return 'closed'
  if (!active || activeAt < Date.now() - silentAfterMs) return 'silent'
  return thinking ? 'thinking' : 'active'
}

function noteOf(state, { activeAt, endedAt, revokedAt }) {
  if (state === 'closed') return `${endedAt ? 'ended' : 'revoked'} ${ago(endedAt || revokedAt)}`
  const seen = ago(activeAt)
  return state === 'thinking' ? `thinking, ${seen}` : seen
}

function ago(timeMs) {
  const seconds = Math.max(0, Math.round((Date.now() - timeMs) / 1_000))
  if (seconds < 2) return 'just now'
  if (seconds < 60) return `${seconds} s ago`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ago`
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h ago`
  return new Date(timeMs).toLocaleDateString()
}

const rank = { thinking: 0, active: 0, silent: 1, closed: 2 }

/** Who is there first, in an order that heartbeats do not change: rows that jump about cannot be read. */
function byPresence(one, other) {
  return (
    rank[stateOf(one)] - rank[stateOf(other)] ||
    other.createdAt - one.createdAt ||
    (one.id < other.id ? -1 : 1)
  )
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text
}
