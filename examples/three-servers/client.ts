/**
 * A machine with a session, as a client of the servers: it registers, changes, reports and sends heartbeats. What is not
 * acknowledged it sends again, with the same id or key, to the next server where its own has gone.
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Acknowledged, MachineRecord } from './acknowledged.ts'
import type { Answer, DemoProcess } from './demo-process.ts'

/** An answer that tells that it is done, and whose it is. */
interface Acknowledgement {
  readonly server: DemoProcess
  readonly body: unknown
}

const signsEveryMs = 100
const changesEveryMs = 250
const againAfterMs = 100

/** One client. */
export class Client {
  readonly record: MachineRecord
  readonly #acknowledged: Acknowledged
  readonly #servers: readonly DemoProcess[]
  #home: number
  #events = 0

  /** @param home The index of the server that it talks to first. */
  constructor(id: string, servers: readonly DemoProcess[], home: number, acknowledged: Acknowledged) {
    this.#servers = servers
    this.#home = home
    this.#acknowledged = acknowledged
    this.record = {
      id,
      sessionId: '',
      isRegistered: false,
      changes: 0,
      reports: 0,
      heartbeatAtMs: 0,
      heartbeats: 0,
      heartbeatBy: this.#server.runtime,
    }
    acknowledged.machines.push(this.record)
  }

  /** Registers the machine and opens its session. */
  async register(): Promise<void> {
    const { id } = this.record
    await this.#send('/v1/machines', { id, metadata: 'v0' })
    this.record.isRegistered = true
    const { body } = await this.#send('/v1/sessions', { tag: id, metadata: '' })
    this.record.sessionId = (body as { session: { id: string } }).session.id
  }

  /** Works until the signal, and then finishes what it has begun. */
  async work(signal: AbortSignal): Promise<void> {
    const repeat = async (everyMs: number, task: () => Promise<unknown>): Promise<void> => {
      // What takes long is not made up for.
      while (!signal.aborted) await Promise.all([task(), sleep(everyMs)])
    }
    await Promise.all([
      repeat(signsEveryMs, () => Promise.all([this.#heartbeat(), this.sendEvent(this.#nextKey())])),
      repeat(changesEveryMs, async () => {
        await this.#change()
        await this.#report()
      }),
    ])
  }

  /** Sends a usage event, which may have been sent before. */
  async sendEvent(externalKey: string): Promise<void> {
    const { sessionId } = this.record
    const event = { externalKey, sessionId, tokens: { total: 1 }, cost: { total: 0 } }
    const { server } = await this.#send('/v2/usage-events', event)
    this.#acknowledged.events.set(externalKey, { by: server.runtime, atMs: Date.now() })
  }

  async #heartbeat(): Promise<void> {
    const time = Date.now()
    const heartbeats = [{ type: 'machine-alive', machineId: this.record.id, time }]
    const { server, body } = await this.#send('/v1/presence', { heartbeats })
    if ((body as { accepted: number }).accepted !== 1)
      throw new Error(`A heartbeat was dropped: ${JSON.stringify(body)}`)
    Object.assign(this.record, { heartbeatAtMs: time, heartbeatBy: server.runtime })
    this.record.heartbeats++
  }

  async #change(): Promise<void> {
    await this.#send('/v1/machines', { id: this.record.id, metadata: `v${this.record.changes + 1}` })
    this.record.changes++
  }

  async #report(): Promise<void> {
    const key = `${this.record.reports + 1}`
    const { sessionId } = this.record
    await this.#send('/v2/usage-reports', { key, sessionId, tokens: { total: 1 }, cost: { total: 0 } })
    this.record.reports++
  }

  /** Resolves once somebody has acknowledged it. */
  async #send(path: string, body: object): Promise<Acknowledgement> {
    while (true) {
      const server = this.#server
      const answer = await server.request(path, body).catch((): Answer | undefined => undefined)
      if (answer?.status === 200 || answer?.status === 202) return { server, body: answer.body }
      if (answer !== undefined && answer.status !== 503)
        throw new Error(`${server.runtime} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
      this.#acknowledged.sentAgain++
      // Both loops of a client may find out that its server is gone: only the first one moves on.
      if (answer === undefined && server === this.#server) this.#home++
      await sleep(againAfterMs)
    }
  }

  #nextKey(): string {
    this.#events++
    return `${this.record.id}/${this.#events}`
  }

  get #server(): DemoProcess {
    return this.#servers[this.#home % this.#servers.length] as DemoProcess
  }
}
