/**
 * What the demo keeps in memory, and that all of it has a bound.
 *
 * @module
 */
import { describe, expect, it } from 'vitest'
import { Directory } from '../../examples/hono-server/directory.ts'
import { EventHub } from '../../examples/hono-server/event-hub.ts'
import type { LiveEvent } from '../../examples/hono-server/events.ts'

describe('Directory', () => {
  it('forgets who was not heard of for longest beyond its capacity', () => {
    const directory = new Directory({ capacity: 2 })
    for (const id of ['a', 'b']) directory.learn(id, false, 0)
    directory.see({ id: 'a', time: 1 })
    directory.learn('c', false, 0)

    expect([directory.size, directory.get('b')]).toEqual([2, undefined])
    expect(directory.get('a')).toMatchObject({ seenAtMs: 1 })
  })

  it('remembers for a moment only that an id is unknown, and not once it is known', () => {
    const directory = new Directory({ unknownForMs: 100 })
    directory.learnUnknown('a', 1_000)
    expect([directory.isMissing('a', 1_099), directory.isMissing('a', 1_100)]).toEqual([false, true])
    directory.learn('a', false, 0)
    directory.learnUnknown('a', 1_000)

    expect([directory.isMissing('a', 1_000), directory.get('a')?.isClosed]).toEqual([false, false])
  })

  it('keeps what a heartbeat does not say, takes only what is news, and stays closed', () => {
    const directory = new Directory()
    directory.learn('a', false, 0)
    directory.see({ id: 'a', time: 5, thinking: true })
    directory.see({ id: 'a', time: 6 })

    expect(directory.get('a')).toMatchObject({ seenAtMs: 6, thinking: true })
    expect([directory.isNews('a', 6), directory.isNews('a', 7)]).toEqual([false, true])
    directory.learn('a', true, 0)
    directory.learn('a', false, 0)
    expect(directory.get('a')).toMatchObject({ isClosed: true, thinking: false })
  })
})

describe('EventHub', () => {
  const event = (id: string): LiveEvent => ({
    event: 'ephemeral',
    data: { type: 'machine-activity', id, active: true, activeAt: 1 },
  })

  it('tells everybody in order, all that is unread at once', async () => {
    const hub = new EventHub()
    const [one, other] = [hub.subscribe(), hub.subscribe()]
    const waiting = one.take()
    hub.publish(event('a'))
    hub.publish(event('b'))

    expect((await waiting)?.map(({ json }) => JSON.parse(json).id)).toEqual(['a', 'b'])
    expect((await other.take())?.map(({ json }) => JSON.parse(json).id)).toEqual(['a', 'b'])
    hub.close()
    expect([await one.take(), await hub.subscribe().take()]).toEqual([undefined, undefined])
  })

  it('sends away who does not read, with all that waits for it, and nobody else', async () => {
    const hub = new EventHub({ maxBacklog: 10 })
    let expelled = 0
    const [slow, quick] = [hub.subscribe(() => expelled++), hub.subscribe(() => expelled++)]
    let read = 0
    for (let count = 0; count < 12; count++) {
      hub.publish(event(`${count}`))
      read += (await quick.take())?.length ?? 0
    }

    expect(await slow.take()).toBeUndefined()
    expect([read, expelled, slow.isOver, quick.isOver]).toEqual([12, 1, true, false])
    expect(hub.stats()).toEqual({ clients: 1, published: 12, slowClients: 1 })
  })
})
