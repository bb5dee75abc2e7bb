/**
 * Ctrl-C and SIGTERM while clients are at it: whatever the demo has answered with success is stored, heartbeats and usage
 * events in buffers included. A second signal comes at once, as it does when npm passes on what the terminal sent to everybody.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { peerQuery } from '../processes/peer.ts'
import { type Demo, type DemoTarget, runtime, startDemo, targets, temporaryFolder } from './demo-server.ts'
import { newSession } from './route-case.ts'

const [target] = targets as readonly [DemoTarget, ...DemoTarget[]]
const clientsOfEach = 4

describe.concurrent.each(['SIGINT', 'SIGTERM'] as const)(`demo on ${runtime}, %s under load`, (signal) => {
  it('stores all that was answered, and a second signal at once changes nothing', {
    timeout: 60_000,
  }, async () => {
    await using folder = await temporaryFolder()
    await using demo = await startDemo(target, join(folder.path, 'demo.db'))
    const load = await startLoad(demo)
    await load.until(150)

    const stopping = demo.beginStop(signal)
    demo.signal(signal === 'SIGINT' ? 'SIGTERM' : 'SIGINT')
    await stopping

    const { code, stdout, stderr } = await demo.stop()
    const { machines, events, heartbeats } = await load.ended()
    expect(code, stderr).toBe(0)
    expect(stdout).toMatch(/^Drained: .* dropped 0 writes, 0 transactions, .*; no demo.db-wal left$/m)
    expect(existsSync(`${demo.path}-wal`)).toBe(false)
    expect([machines, events, heartbeats].every(({ length }) => length > 20)).toBe(true)
    const stored = async (query: string): Promise<unknown[]> =>
      (await peerQuery(demo.path, [query])).map(({ key }) => key)
    const storedMachines = new Set(await stored('select id as key from machine'))
    expect(machines.filter((id) => !storedMachines.has(id))).toEqual([])
    const storedEvents = await stored('select external_key as key from usage_event')
    expect(new Set(storedEvents).size).toBe(storedEvents.length)
    expect(events.filter((key) => !storedEvents.includes(key))).toEqual([])
    // Heartbeats are merged: the freshest that was answered is there, or one that came after it.
    const [seen] = await stored("select last_active_at as key from machine where id = 'watched'")
    expect(seen).toBeGreaterThanOrEqual(Math.max(...heartbeats))
  })
})

interface Answered {
  readonly machines: string[]
  readonly events: string[]
  /** Times of heartbeats of the machine `watched`. */
  readonly heartbeats: number[]
}

/** Clients that send one request after the other until the demo takes no more. */
async function startLoad(
  demo: Demo,
): Promise<{ until(count: number): Promise<void>; ended(): Promise<Answered> }> {
  const session = await newSession(demo)
  await demo.request('/v1/machines', { id: 'watched', metadata: '' })
  const answered: Answered = { machines: [], events: [], heartbeats: [] }
  const startedAtMs = Date.now()
  let onAnswer = (): void => {}
  const repeat = async (send: (n: string) => Promise<void>, client: number): Promise<void> => {
    try {
      for (let n = 0; ; n++) {
        await send(`${client}-${n}`)
        onAnswer()
      }
    } catch {
      // It takes no more connections.
    }
  }
  const machine = async (id: string): Promise<void> => {
    const { status } = await demo.request('/v1/machines', { id, metadata: '' })
    if (status === 200) answered.machines.push(id)
  }
  const event = async (externalKey: string): Promise<void> => {
    const usage = { externalKey, sessionId: session, tokens: { total: 1 }, cost: { total: 1 } }
    const { status } = await demo.request('/v2/usage-events', usage)
    if (status === 202) answered.events.push(externalKey)
  }
  let beats = 0
  const heartbeat = async (): Promise<void> => {
    const time = startedAtMs + ++beats
    const heartbeats = [{ type: 'machine-alive', machineId: 'watched', time }]
    const { status, body } = await demo.request('/v1/presence', { heartbeats })
    if (status === 200 && body.accepted === 1) answered.heartbeats.push(time)
  }
  const clients = [machine, event, heartbeat].flatMap((send) =>
    Array.from({ length: clientsOfEach }, (_, client) => repeat(send, client)),
  )
  return {
    until: (count) =>
      new Promise((resolve) => {
        onAnswer = () => {
          if (Object.values(answered).every((answers) => answers.length >= count / 5)) resolve()
        }
      }),
    async ended() {
      await Promise.all(clients)
      return answered
    },
  }
}
