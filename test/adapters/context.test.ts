/** The asynchronous context that the adapters pass on to the core. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { context } from '../../adapters/_context.ts'
import { adapters, runtime } from './_local.ts'

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** As the core enters it: not async itself, called behind an await. */
function enter(value: object): Promise<void> {
  context?.enter(value)
  return Promise.resolve()
}

describe('context', () => {
  test('follows what the function does from there on, and does not leak into its caller', async () => {
    const scope = { of: 'a transaction' }
    const inTransaction = async (): Promise<unknown> => {
      await nextTurn()
      await enter(scope)
      await nextTurn()
      return context?.get()
    }

    const [inside, beside] = await Promise.all([inTransaction(), nextTurn().then(() => context?.get())])

    expect(inside).toBe(scope)
    expect(beside).toBeUndefined()
    expect(context?.get()).toBeUndefined()
  })

  test.runIf(runtime === 'node')(
    'does not leak in a bare process either, which Node 22 does by default',
    () => {
      const entry = fileURLToPath(new URL('../../adapters/_context.ts', import.meta.url))
      // vitest uses AsyncLocalStorage itself, which alone would set Node 22 right.
      const script = `import { context } from ${JSON.stringify(entry)}
      const enter = () => { context.enter({}); return Promise.resolve() }
      const inTransaction = async () => { await null; await enter() }
      await inTransaction()
      console.log(context.get())`

      const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
        encoding: 'utf8',
      })

      expect(stdout.trim()).toBe('undefined')
    },
  )

  test('is one store in the process, and every connector has it', () => {
    expect(Reflect.get(globalThis, Symbol.for('unbusy.context'))).toBeDefined()
    for (const { create } of adapters) expect(create({ url: ':memory:' }).context).toBe(context)
  })

  test.each(adapters)('nextTurn() of $name lets timers have their turn', async ({ create }) => {
    const connector = create({ url: ':memory:' })
    let fired = false
    setTimeout(() => {
      fired = true
    }, 1)

    while (!fired) await connector.nextTurn()

    expect(fired).toBe(true)
  })
})
