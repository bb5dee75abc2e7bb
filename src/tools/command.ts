/**
 * What the command `unbusy` understands, prints and answers; `cli.ts` connects it to a process.
 *
 * @module
 */
import { parseArgs } from 'node:util'
import type { DialectName } from '../config.ts'
import type { DoctorSeverity } from '../doctor/report.ts'
import { examineFile } from './doctor.ts'
import { DoctorUsageError } from './doctor-file.ts'
import { formatReport } from './doctor-text.ts'

/** What the command can be asked. */
const options = {
  help: { type: 'boolean', short: 'h' },
  json: { type: 'boolean' },
  dialect: { type: 'string' },
  fast: { type: 'boolean' },
} as const

const exitCodes: Readonly<Record<DoctorSeverity, number>> = { ok: 0, info: 0, warning: 1, danger: 2 }
/** EX_USAGE of sysexits.h; far from 1 and 2, which are findings. */
const usageExitCode = 64
/** EX_SOFTWARE. */
const softwareExitCode = 70

const help = `Usage: unbusy <command> [options]

Commands:
  doctor <file>   Look at a SQLite database file: what is wrong with it, why it matters, what to do

Options:
  -h, --help      Show this, or the help of a command: unbusy doctor --help

unbusy makes SQLite never busy, on Node, Bun, Deno and the edge.
`

const doctorHelp = `Usage: unbusy doctor <file> [options]

Looks at a SQLite database file, a path or a file: URL, also while programs use it. It repairs nothing
and creates nothing but the -shm of a WAL that has none, as SQLite needs it to read; at most it runs one
PASSIVE checkpoint, which waits for nobody.

It tells of: the versions of SQLite and of the driver, the file system, which processes have the file
open, files left beside it (-wal, -shm, -journal), permissions, journal mode, a reader that keeps the
WAL from being checkpointed, pages, foreign keys, integrity.

Options:
  --fast            Leave out quick_check and foreign_key_check, which read the whole database
  --dialect <name>  The driver to use: better-sqlite3, node-sqlite, bun-sqlite or libsql
                    (default: bun-sqlite on Bun, node-sqlite on Deno, on Node better-sqlite3 if it is
                    installed, else node-sqlite). Use the one that your program uses: its version counts
  --json            Print one JSON object: { database, severity, checks: [{ name, severity, message,
                    advice?, details? }] }, or { error } with exit code 64
  -h, --help        Show this

Exit code, by the worst finding:
  0   ok or info
  1   warning: something wants attention
  2   danger: data can be lost or is damaged
  64  nothing was examined: no such file, one that may not be read, a wrong option, a driver that is not
      installed
  70  the doctor itself failed
`

/** Where a command prints to. */
export interface CommandOutput {
  print(text: string): void
  /** For what is no answer: errors. */
  complain(text: string): void
  readonly isColorWanted: boolean
}

/**
 * Runs the command.
 *
 * @param args What follows the name of the program.
 * @returns The exit code.
 */
export async function runCommand(args: readonly string[], output: CommandOutput): Promise<number> {
  try {
    return await run(args, output)
  } catch (error) {
    if (!(error instanceof DoctorUsageError)) {
      // Not left to the runtime, whose exit code for it is that of a warning.
      output.complain(
        `unbusy: the doctor itself failed\n${error instanceof Error ? error.stack : String(error)}`,
      )
      return softwareExitCode
    }
    if (args.includes('--json')) output.print(JSON.stringify({ error: error.message }))
    else output.complain(`unbusy: ${error.message}\nTry: unbusy --help`)
    return usageExitCode
  }
}

async function run(args: readonly string[], { print, isColorWanted }: CommandOutput): Promise<number> {
  const { values, positionals } = parse(args)
  const [command, file, ...others] = positionals
  if (command === undefined) {
    if (values.help !== true)
      throw new DoctorUsageError('Cannot tell what to do as no command was given: the command is doctor')
    print(help)
    return 0
  }
  if (command !== 'doctor') {
    throw new DoctorUsageError(`Cannot run '${command}' as there is no such command: the command is doctor`)
  }
  if (values.help === true) {
    print(doctorHelp)
    return 0
  }
  if (file === undefined)
    throw new DoctorUsageError('Cannot examine anything as no file was given: unbusy doctor <file>')
  if (others.length > 0)
    throw new DoctorUsageError(`Cannot examine more than one file at once: ${others[0]} is one too many`)
  const report = await examineFile({
    file,
    scan: values.fast !== true,
    // A name that is none is refused, with the list of those that are.
    ...(values.dialect !== undefined && { dialect: values.dialect as DialectName }),
  })
  print(values.json === true ? JSON.stringify(report, bigintAsText) : formatReport(report, isColorWanted))
  return exitCodes[report.severity]
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (cause) {
    throw new DoctorUsageError((cause as Error).message, { cause })
  }
}

/** Rowids beyond 2^53 are bigint. */
function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}
