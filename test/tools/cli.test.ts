/** The command `unbusy` as a stranger meets it: what it prints, and its exit code. */
import { execFile } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { DoctorReport } from 'unbusy'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCommand } from '../../src/tools/command.ts'
import { runtime } from '../contract/matrix.ts'
import { canDropPrivileges } from '../faults/as-nobody.ts'
import { binary } from '../processes/peer.ts'
import { leadingArguments } from '../processes/program.ts'
import { filesOf, makeSickFiles, removeFolders } from './sick-files.ts'

interface Answer {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

let folder: string
beforeAll(() => {
  folder = makeSickFiles()
})
afterAll(() => removeFolders([folder]))

const program = fileURLToPath(new URL('../../src/tools/cli.ts', import.meta.url))
const command = [binary(runtime), ...leadingArguments[runtime], program]
const asNobody =
  process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : []

function unbusy(args: readonly string[], prefix: readonly string[] = []): Promise<Answer> {
  return start([...prefix, ...command, ...args])
}

function start([file = '', ...rest]: readonly string[]): Promise<Answer> {
  return new Promise((resolve) => {
    execFile(file, rest, { env: { ...process.env, HOME: '/nonexistent' } }, (error, stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr })
    })
  })
}

/** The same without a process of its own. */
async function run(args: readonly string[], isColorWanted = false): Promise<Answer> {
  const answer = { stdout: '', stderr: '' }
  const exitCode = await runCommand(args, {
    print: (text) => {
      answer.stdout += text
    },
    complain: (text) => {
      answer.stderr += text
    },
    isColorWanted,
  })
  return { exitCode, ...answer }
}

describe(`unbusy on ${runtime}`, () => {
  it('is a program: answers and findings go to stdout, mistakes to stderr, each with its exit code', async () => {
    const [orphans, mistake] = await Promise.all([
      unbusy(['doctor', join(folder, 'orphans.db'), '--json']),
      unbusy(['docter']),
    ])

    expect(orphans).toMatchObject({ exitCode: 1, stderr: '' })
    const report: DoctorReport = JSON.parse(orphans?.stdout ?? '')
    expect(report).toMatchObject({ database: join(folder, 'orphans.db'), severity: 'warning' })
    expect(report.checks.find(({ name }) => name === 'foreign-keys')?.details).toMatchObject({ count: 2 })
    expect(mistake).toMatchObject({ exitCode: 64, stdout: '' })
    expect(mistake?.stderr).toMatch(/^unbusy: Cannot run 'docter' .*\nTry: unbusy --help\n$/)
  })

  it.each([
    [[], /no command/],
    [['doctor'], /no file/],
    [['doctor', 'a.db', 'b.db'], /b\.db is one too many/],
    [['doctor', '--jsn', 'a.db'], /--jsn/],
    [['doctor', 'none.db'], /no such file/],
    [['doctor', program, '--dialect', 'mysql'], /'mysql' as the dialect must be one of .*, libsql$/m],
    [
      ['doctor', program, '--dialect', runtime === 'bun' ? 'd1' : 'bun-sqlite'],
      /choose another dialect|one of .*, libsql$|does not have it/m,
    ],
  ])('says what is wrong with %j', async (args, reason) => {
    const answer = await run(args)

    expect(answer).toMatchObject({ exitCode: 64, stdout: '' })
    expect(answer.stderr).toMatch(reason)
    const json = await run([...args, '--json'])
    expect(json).toMatchObject({ exitCode: 64, stderr: '' })
    expect(JSON.parse(json.stdout)).toEqual({ error: expect.stringMatching(reason) })
  })

  it('explains itself and its exit codes', async () => {
    expect((await run(['--help'])).stdout).toMatch(/doctor <file>/)
    const { exitCode, stdout } = await run(['doctor', '-h'])
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/--dialect[\s\S]*--json[\s\S]*Exit code[\s\S]*64/)
  })

  it('doctor prints for people, in colours on a terminal only', async () => {
    const sound = await run(['doctor', join(folder, 'sound.db')])
    expect(sound).toMatchObject({ exitCode: 0, stderr: '' })
    expect(sound.stdout).toContain(`Database ${join(folder, 'sound.db')}`)
    expect(sound.stdout).toMatch(/^ok {7}journal-mode: The journal mode is WAL/m)
    expect(sound.stdout).toMatch(/^Nothing is wrong\. /m)
    expect(sound.stdout).not.toContain('\u001b')
    expect(filesOf(folder, 'sound')).toEqual(['.db'])

    const text = await run(['doctor', `file:${join(folder, 'text.db')}`])
    expect(text.exitCode).toBe(2)
    expect(text.stdout).toMatch(/^danger {3}open: The file is not a SQLite database/m)
    expect(text.stdout).toMatch(/^ +-> /m)
    expect(Math.max(...text.stdout.split('\n').map((line) => line.length))).toBeLessThan(200)

    expect((await run(['doctor', join(folder, 'text.db')], true)).stdout).toContain('\u001b[31m')
  })

  it.skipIf(runtime !== 'deno')(
    'a permission that Deno was not given is no finding (on Deno only)',
    async () => {
      const file = join(folder, 'sound.db')
      const asked = [binary('deno'), 'run', '--no-prompt', '--allow-read', program, 'doctor', file]
      const { exitCode, stdout, stderr } = await start(asked)

      expect({ exitCode, stdout }).toEqual({ exitCode: 64, stdout: '' })
      expect(stderr).toMatch(
        /^unbusy: Cannot open database \S+ as Deno does not let it: .* --allow-write flag$/m,
      )
    },
  )

  // The code is the same on every runtime, and each start costs.
  const reason =
    runtime !== 'node' ? 'on Node only' : canDropPrivileges === true ? undefined : canDropPrivileges
  it.skipIf(reason !== undefined)(
    `doctor tells who may not write, and why a WAL cannot be read then${reason === undefined ? '' : ` (${reason})`}`,
    async () => {
      chmodSync(folder, 0o755)
      mkdirSync(join(folder, 'closed'))
      copyFileSync(join(folder, 'sound.db'), join(folder, 'closed', 'sound.db'))
      copyFileSync(join(folder, 'rollback.db'), join(folder, 'closed', 'rollback.db'))
      if (asNobody.length === 0) chmodSync(join(folder, 'closed'), 0o555)

      const [wal, rollback] = await Promise.all(
        ['sound', 'rollback'].map((name) =>
          unbusy(['doctor', join(folder, 'closed', `${name}.db`), '--dialect', 'node-sqlite'], asNobody),
        ),
      )

      expect(wal?.stdout).toMatch(/^warning {2}permissions: This user may not write to /m)
      expect(wal?.stdout).toMatch(/^warning {2}open: The database cannot be read without writing/m)
      expect(rollback?.stdout).toMatch(/^ok {7}integrity: /m)
      expect([wal?.exitCode, rollback?.exitCode]).toEqual([1, 1])

      chmodSync(join(folder, 'closed', 'sound.db'), 0o666)
      const own = await unbusy(['doctor', join(folder, 'closed', 'sound.db')], asNobody)
      expect(own.stdout).toMatch(/^warning {2}open: The database cannot be read without writing/m)
      expect(own.exitCode).toBe(1)
    },
  )

  it.skipIf(reason !== undefined)(
    `doctor of a user who may not write leaves nothing in the way of who may${reason === undefined ? '' : ` (${reason})`}`,
    async () => {
      chmodSync(folder, 0o755)
      const open = join(folder, 'open')
      mkdirSync(open)
      const names = ['sound', 'rollback', 'text'] as const
      for (const name of names) copyFileSync(join(folder, `${name}.db`), join(open, `${name}.db`))
      for (const name of names) chmodSync(join(open, `${name}.db`), 0o444)
      chmodSync(join(open, 'text.db'), asNobody.length === 0 ? 0o000 : 0o600)
      chmodSync(open, 0o777)

      const [wal, rollback, unreadable] = await Promise.all(
        names.map((name) => unbusy(['doctor', join(open, `${name}.db`)], asNobody)),
      )

      for (const examined of [wal, rollback]) {
        expect(examined?.stdout).toMatch(/^warning {2}open: The content was not looked at/m)
        expect(examined?.exitCode).toBe(1)
      }
      expect(filesOf(open, 'sound')).toEqual(['.db'])
      expect(unreadable).toMatchObject({ exitCode: 64, stderr: expect.stringMatching(/may not read it/) })
    },
  )
})
