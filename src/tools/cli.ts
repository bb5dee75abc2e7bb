#!/usr/bin/env node
/**
 * The command `unbusy`: `npx unbusy doctor <file>`, `bunx --bun unbusy doctor <file>`, `deno run -A npm:unbusy doctor <file>`.
 *
 * @module
 */
import { runCommand } from './command.ts'

/** NO_COLOR counts when it is not empty (https://no-color.org). */
const isColorWanted = process.stdout.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb'

// Not process.exit(): what was printed may still be on its way.
process.exitCode = await runCommand(process.argv.slice(2), {
  print: (text) => console.log(text),
  complain: (text) => console.error(text),
  isColorWanted,
})
