/**
 * What each server shows of the machines and of usage: one picture, whichever of them is asked.
 *
 * @module
 */
import type { DemoProcess } from './demo-process.ts'

interface ShownMachine {
  readonly id: string
  readonly metadataVersion: number
  readonly active: boolean
  readonly activeAt: number
}

/** What one server shows. */
export interface Picture {
  readonly machines: readonly ShownMachine[]
  /** Usage reports and events. */
  readonly reports: number
}

/** Asks one server for the machines of this run, and for all of the usage. */
export async function pictureOf(server: DemoProcess, prefix: string): Promise<Picture> {
  const { body } = await server.request('/v1/machines')
  const usage = await server.request('/v1/usage/query', {})
  return {
    machines: (body as readonly ShownMachine[])
      .filter(({ id }) => id.startsWith(prefix))
      .map(({ id, metadataVersion, active, activeAt }) => ({ id, metadataVersion, active, activeAt }))
      .sort((one, other) => one.id.localeCompare(other.id)),
    reports: (usage.body as { totalReports: number }).totalReports,
  }
}

/** Whether all of them show the same. */
export function areSame(pictures: readonly Picture[]): boolean {
  return new Set(pictures.map((picture) => JSON.stringify(picture))).size === 1
}

/** How long ago the machine that was seen longest ago was seen, in milliseconds. */
export function stalestMs({ machines }: Picture): number {
  return Date.now() - Math.min(...machines.map(({ activeAt }) => activeAt))
}

/** For a line: how many machines, how many of them active, and how much usage. */
export function describePicture({ machines, reports }: Picture): string {
  const active = machines.filter((machine) => machine.active).length
  return `${machines.length} machines, ${active} of them active, ${reports} usage reports and events`
}
