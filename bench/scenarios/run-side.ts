/**
 * One side of a scenario at one size: a fresh database, a server and a foreign writer in processes of their own, the
 * requests of a client, the end by SIGTERM, and what is stored then.
 *
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RunOutcome } from './figures.ts'
import { startForeignWriter } from './foreign-writer.ts'
import { type LoopGap, worstByRound } from './loop-gaps.ts'
import { expectLine, type Program, startProgram } from './program.ts'
import type { Plan, Scenario, Side } from './scenario.ts'
import type { ServerFigures } from './serve.ts'
import { createDatabase, readDatabase } from './stored.ts'

/** As long as container runtimes wait between SIGTERM and SIGKILL. */
const graceMs = 10_000
/** So that the first requests that count do not meet code that has never run. */
const warmUpRequests = 20

interface ServerEnd extends Pick<RunOutcome, 'lockCycles' | 'endedByItself'> {
  readonly gaps: readonly LoopGap[]
}

/** Runs it, in 10 s more than its rounds and a request take. */
export async function runSide(
  scenario: Scenario,
  side: Side,
  size: number,
  { rounds, roundMs }: Plan,
): Promise<RunOutcome> {
  const folder = await mkdtemp(join(tmpdir(), 'unbusy-scenario-'))
  try {
    const path = join(folder, 'scenario.db')
    await createDatabase(path, scenario.sessions(size))
    await using server = startProgram(scenario.programs[side], path)
    await using foreign = await startForeignWriter(path, scenario.bursts)
    const { port } = await expectLine<{ port: number }>(scenario.programs[side], server)
    const url = `http://127.0.0.1:${port}`
    for (let request = 0; request < warmUpRequests; request++) await (await fetch(`${url}/healthz`)).text()

    foreign.begin()
    const startedAtMs = Date.now()
    const terminate = (): void => server.kill('SIGTERM')
    const driven = await scenario.drive({ url, size, durationMs: rounds * roundMs, foreign, terminate })
    const { gaps, lockCycles, endedByItself } = await endServer(server)
    const { committed, lost } = driven.judge(await readDatabase(path))
    return {
      attempted: driven.attempted,
      committed,
      lost,
      failed: driven.failed,
      latenciesMs: driven.latenciesMs,
      roundGapsMs: worstByRound(gaps, { startedAtMs, roundMs, count: rounds }),
      lockCycles,
      endedByItself,
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Ends the server with the patience of a container runtime, and answers all that it told of itself. */
async function endServer(server: Program): Promise<ServerEnd> {
  server.kill('SIGTERM')
  let killedAtMs: number | undefined
  const killer = setTimeout(() => {
    killedAtMs = Date.now()
    server.kill('SIGKILL')
  }, graceMs)
  const gaps: LoopGap[] = []
  let lockCycles = 0
  let loopSeenAtMs = Date.now()
  for (let line = await server.next<ServerFigures>(); line !== undefined; line = await server.next()) {
    lockCycles = line.lockCycles
    if (line.loop === undefined) continue
    gaps.push(...line.loop.gaps)
    loopSeenAtMs = line.loop.atMs
  }
  const code = await server.ended
  clearTimeout(killer)
  if (killedAtMs !== undefined) gaps.push({ endedAtMs: killedAtMs, gapMs: killedAtMs - loopSeenAtMs })
  return { gaps, lockCycles, endedByItself: code === 0 }
}
