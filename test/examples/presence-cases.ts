/**
 * The rules of presence as a table: what is sent, what is dropped, and what is stored afterwards.
 *
 * @module
 */

/** What every case finds: one of each kind, fresh. */
export interface PresenceSubjects {
  readonly machine: string
  readonly revokedMachine: string
  readonly session: string
  readonly endedSession: string
}

/** One list of heartbeats and its outcome. */
export interface PresenceCase {
  readonly name: string
  heartbeats(subjects: PresenceSubjects, nowMs: number): readonly Record<string, unknown>[]
  readonly accepted: number
  readonly dropped?: readonly { readonly index: number; readonly reason: string }[]
  /** What the session is afterwards; `moved` tells whether its `activeAt` is of this list. */
  readonly session?: { readonly active: boolean; readonly moved: boolean; readonly ended?: boolean }
  readonly machine?: { readonly active: boolean; readonly moved: boolean }
}

const minute = 60_000

export const presenceCases: readonly PresenceCase[] = [
  {
    name: 'an empty list is fine',
    heartbeats: () => [],
    accepted: 0,
    session: { active: true, moved: false },
    machine: { active: false, moved: false },
  },
  {
    name: 'a session and a machine become active',
    heartbeats: ({ session, machine }, now) => [
      { type: 'session-alive', sid: session, time: now, thinking: true, mode: 'remote' },
      { type: 'machine-alive', machineId: machine, time: now },
    ],
    accepted: 2,
    session: { active: true, moved: true },
    machine: { active: true, moved: true },
  },
  {
    name: 'a time in the future counts as now',
    heartbeats: ({ session, machine }, now) => [
      { type: 'session-alive', sid: session, time: now + 60 * minute },
      { type: 'machine-alive', machineId: machine, time: now + 60 * minute },
    ],
    accepted: 2,
    session: { active: true, moved: true },
    machine: { active: true, moved: true },
  },
  {
    name: 'time does not go back',
    heartbeats: ({ session, machine }, now) => [
      { type: 'session-alive', sid: session, time: now - 9 * minute },
      { type: 'machine-alive', machineId: machine, time: now - 9 * minute },
    ],
    accepted: 2,
    session: { active: true, moved: false },
    machine: { active: false, moved: false },
  },
  {
    name: 'what is over 10 minutes old is dropped, an end included',
    heartbeats: ({ session, machine }, now) => [
      { type: 'session-alive', sid: session, time: now - 11 * minute },
      { type: 'machine-alive', machineId: machine, time: now - 11 * minute },
      { type: 'session-end', sid: session, time: 0 },
    ],
    accepted: 0,
    dropped: [
      { index: 0, reason: 'too-old' },
      { index: 1, reason: 'too-old' },
      { index: 2, reason: 'too-old' },
    ],
    session: { active: true, moved: false },
    machine: { active: false, moved: false },
  },
  {
    name: 'of duplicates the freshest wins, wherever it stands, and all count as accepted',
    heartbeats: ({ session }, now) => [
      { type: 'session-alive', sid: session, time: now - minute },
      { type: 'session-alive', sid: session, time: now },
      { type: 'session-alive', sid: session, time: now - minute },
    ],
    accepted: 3,
    session: { active: true, moved: true },
  },
  {
    name: 'unknown, ended and revoked ones are dropped with the reason, and their neighbours are stored',
    heartbeats: ({ session, endedSession, machine, revokedMachine }, now) => [
      { type: 'session-alive', sid: 'nobody', time: now },
      { type: 'session-alive', sid: session, time: now },
      { type: 'session-alive', sid: endedSession, time: now },
      { type: 'session-end', sid: endedSession, time: now },
      { type: 'machine-alive', machineId: 'nobody', time: now },
      { type: 'machine-alive', machineId: machine, time: now },
      { type: 'machine-alive', machineId: revokedMachine, time: now },
      { type: 'session-end', sid: 'nobody', time: now },
    ],
    accepted: 2,
    dropped: [
      { index: 0, reason: 'unknown' },
      { index: 2, reason: 'ended' },
      { index: 3, reason: 'ended' },
      { index: 4, reason: 'unknown' },
      { index: 6, reason: 'revoked' },
      { index: 7, reason: 'unknown' },
    ],
    session: { active: true, moved: true },
    machine: { active: true, moved: true },
  },
  {
    name: 'a machine and a session are not mixed up',
    heartbeats: ({ session, machine }, now) => [
      { type: 'session-alive', sid: machine, time: now },
      { type: 'machine-alive', machineId: session, time: now },
    ],
    accepted: 0,
    dropped: [
      { index: 0, reason: 'unknown' },
      { index: 1, reason: 'unknown' },
    ],
    session: { active: true, moved: false },
    machine: { active: false, moved: false },
  },
  {
    name: 'an end ends',
    heartbeats: ({ session }, now) => [{ type: 'session-end', sid: session, time: now }],
    accepted: 1,
    session: { active: false, moved: true, ended: true },
  },
  {
    name: 'an end wins over signs of life in the same list, whatever their order',
    heartbeats: ({ session }, now) => [
      { type: 'session-end', sid: session, time: now - minute },
      { type: 'session-alive', sid: session, time: now },
    ],
    accepted: 2,
    session: { active: false, moved: true, ended: true },
  },
  {
    name: 'a thousand heartbeats are one list',
    heartbeats: ({ session }, now) =>
      Array.from({ length: 1_000 }, (_, index) => ({
        type: 'session-alive',
        sid: session,
        time: now - index,
      })),
    accepted: 1_000,
    session: { active: true, moved: true },
  },
]
