/**
 * One file, killed again and again: each process opens what the one before it has left, tells what it finds, writes, and
 * is killed at a random moment. The last one only looks.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ProgramTarget } from '../processes/program.ts'
import { Ledger } from './ledger.ts'
import { type Life, startWriter, type Writer } from './writer.ts'

/** What a process is at when it is killed; `siblings`: two others write to the same file and go on. */
export type Moment = 'open' | 'migration' | 'load' | 'checkpoint' | 'siblings' | 'close'

/** Every moment. */
export const moments: readonly Moment[] = ['migration', 'load', 'checkpoint', 'siblings', 'open', 'close']

/** A kill, and what came of it. */
export interface Kill {
  readonly moment: Moment
  /** Writes of the killed process that had been acknowledged. */
  readonly acknowledged: number
  /** False if the process was through before the signal came. */
  readonly hit: boolean
}

/** A chain that went well. */
export interface ChainReport {
  readonly kills: readonly Kill[]
  /** Units that were stored without anybody having been told. */
  readonly untold: number
}

/**
 * Runs a chain on a file of its own.
 *
 * @param random Decides when the signals come; the machine has a say in it too.
 * @throws {Error} If what is stored after a kill does not agree with what was acknowledged before it.
 */
export async function runChain(
  target: Omit<ProgramTarget, 'path'>,
  chain: readonly Moment[],
  random: () => number,
): Promise<ChainReport> {
  const folder = await mkdtemp(join(tmpdir(), 'unbusy-kill-'))
  const path = join(folder, 'killed.db')
  const ledger = new Ledger()
  await using writers = new AsyncDisposableStack()
  writers.defer(() => rm(folder, { recursive: true, force: true }))
  const kills: Kill[] = []
  let count = 0
  const start = (life: Life): Writer => writers.use(startWriter({ ...target, path }, ++count, life, ledger))

  for (const moment of chain) {
    const writer = start(moment === 'checkpoint' ? 'checkpoint' : 'load')
    const hit = await killAt[moment](writer, random, start)
    const { acknowledged } = writer
    kills.push({ moment, acknowledged, hit })
    expectNothingWrong(writer, kills.slice(0, -1))
  }
  const last = start('look')
  await last.until(() => last.lost === 0)
  expectNothingWrong(last, kills)
  const code = await last.ended
  if (code !== 0) throw new Error(`The last process ended with ${code}`)
  // Two libSQL connections may leave theirs behind; LIBSQL.md says when.
  if (target.connector !== 'libsql' && existsSync(`${path}-wal`)) throw new Error('The -wal file was left')
  return { kills, untold: ledger.untold(last.found as NonNullable<Writer['found']>) }
}

function expectNothingWrong({ wrong }: Writer, kills: readonly Kill[]): void {
  if (wrong.length === 0) return
  const before = kills.map(({ moment, acknowledged }) => `${moment} (${acknowledged})`).join(', ')
  throw new Error(`After ${before}: ${wrong.length} wrong: ${wrong.slice(0, 5).join('; ')}`)
}

type Start = (life: Life) => Writer

/** Kills the process while it is at it, and answers whether it came in time. */
const killAt: Readonly<
  Record<Moment, (writer: Writer, random: () => number, start: Start) => Promise<boolean>>
> = {
  open: (writer, random) => killSoonAfter(writer, 'opening', random() * 100),
  migration: (writer, random) => killSoonAfter(writer, 'migrating', random() * 60),
  load: (writer, random) => killWorking(writer, random),
  checkpoint: (writer, random) => killWorking(writer, random),
  async close(writer, random) {
    await untilWorking(writer, random)
    writer.close()
    return killSoonAfter(writer, 'closing', random() * 15)
  },
  async siblings(writer, random, start) {
    const siblings = [start('load'), start('load')]
    await Promise.all([writer, ...siblings].map((each) => untilWorking(each, random)))
    const hit = await killWorking(writer, random)
    const goals = siblings.map((sibling) => sibling.acknowledged + 50)
    await Promise.all(
      siblings.map((sibling, index) => sibling.until(() => sibling.acknowledged >= (goals[index] as number))),
    )
    for (const sibling of siblings) sibling.close()
    await Promise.all(siblings.map((sibling) => sibling.until(() => sibling.lost === 0)))
    return hit
  },
}

async function killSoonAfter(
  writer: Writer,
  word: 'opening' | 'migrating' | 'closing',
  delayMs: number,
): Promise<boolean> {
  await writer.until(() => writer.has(word))
  await pause(delayMs)
  return writer.kill()
}

async function killWorking(writer: Writer, random: () => number): Promise<boolean> {
  await untilWorking(writer, random)
  await pause(random() * 25)
  return writer.kill()
}

async function untilWorking(writer: Writer, random: () => number): Promise<void> {
  const goal = writer.acknowledged + 20 + Math.floor(random() * 200)
  await writer.until(() => writer.acknowledged >= goal)
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
