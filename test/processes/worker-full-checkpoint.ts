/** Checkpoints under a limit on the size of files that the test has set, and lifts when it is told so. */
import { fillWhileCheckpointing } from '../faults/full-checkpoint.ts'
import { connector, hear, say } from './worker.ts'

const report = await fillWhileCheckpointing(await connector(), async () => {
  say('full')
  await hear()
})
say(report)
process.exit(0)
