/**
 * Machines: registering, reading, revoking.
 *
 * @module
 */
import { Hono } from 'hono'
import { updateOf } from '../events.ts'
import * as inputs from '../inputs.ts'
import type { MachineOutcome } from '../repositories/machines.ts'
import type { Services } from '../services.ts'
import { bodyOf, idOf } from '../validation.ts'
import { type MachineView, machineView } from '../views.ts'
import { notFound } from './not-found.ts'

/** The routes of machines. */
export function machineRoutes({ machines, presence, hub, registrationMs }: Services): Hono {
  const app = new Hono()

  /** Tells those who watch, if anything is new, and answers the machine as clients see it. */
  function tell({ row, change }: MachineOutcome): MachineView {
    const machine = machineView(presence.machine(row))
    if (change === 'created') hub.publish(updateOf({ t: 'new-machine', machine }))
    if (change === 'updated') hub.publish(updateOf({ t: 'update-machine', machine }))
    return machine
  }

  app.post('/v1/machines', async (c) => {
    const registration = await bodyOf(c, inputs.registrationBody)
    // Somebody waits for it, and gives up after 10 s: it goes before whatever is being flushed.
    const wait = { lane: 'control', lockTimeoutMs: registrationMs } as const
    const outcome = await machines.register(registration, Date.now(), wait)
    const machine = tell(outcome)
    return machine.revokedAt === null ? c.json({ machine }) : c.json({ error: 'machine_revoked' }, 410)
  })

  app.get('/v1/machines', async (c) => {
    const rows = (await machines.list()).map((row) => presence.machine(row))
    // Who was just seen comes first, stored or not.
    rows.sort((one, other) => other.last_active_at - one.last_active_at)
    return c.json(rows.map(machineView))
  })

  app.get('/v1/machines/:id', async (c) => {
    const row = await machines.find(idOf(c))
    if (row === undefined) return notFound(c, 'Machine not found')
    return c.json({ machine: machineView(presence.machine(row)) })
  })

  app.post('/v1/machines/:id/revoke', async (c) => {
    const outcome = await machines.revoke(idOf(c), Date.now())
    if (outcome === undefined) return notFound(c, 'Machine not found')
    presence.machines.close(outcome.row)
    return c.json({ machine: tell(outcome) })
  })
  return app
}
