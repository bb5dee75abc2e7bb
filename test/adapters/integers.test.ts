/** Integers are bound as INTEGER and read exactly on every synchronous driver (contract C8). */
import { describe, expect, test } from 'vitest'
import { adapters, connect, rowsOf } from './_local.ts'

const beyond = 2n ** 53n + 1n

describe.each(adapters)('integers on $name', ({ create }) => {
  const memory = () => connect(create({ url: ':memory:' }))

  test('execute() binds integers as INTEGER and other numbers as REAL', async () => {
    const connection = await memory()

    const rows = await rowsOf(connection, 'select typeof(?) a, typeof(?) b, typeof(?) c, ? || ? d', [
      5,
      5n,
      5.5,
      5,
      '',
    ])

    expect(rows).toEqual([{ a: 'integer', b: 'integer', c: 'real', d: '5' }])
  })

  test('execute() reads an integer beyond 2^53 as bigint, and the numbers beside it as numbers', async () => {
    const connection = await memory()
    const sql = 'select ? big, ? small, ? real, ? huge'
    const values = [beyond, 2 ** 53 - 1, 0.5, 1e300]

    const first = await rowsOf(connection, sql, values)
    const again = await rowsOf(connection, sql, values)
    const negative = await rowsOf(connection, sql, [-(2n ** 63n), 1, 2.5, 3])

    expect(first).toEqual([{ big: beyond, small: 2 ** 53 - 1, real: 0.5, huge: 1e300 }])
    expect(again).toEqual(first)
    expect(negative).toEqual([{ big: -(2n ** 63n), small: 1, real: 2.5, huge: 3 }])
  })

  test('execute() reads every integer as integers: bigint or strict asks', async () => {
    const bigint = await connect(create({ url: ':memory:' }), { integers: 'bigint' })
    const strict = await connect(create({ url: ':memory:' }), { integers: 'strict' })

    expect(await rowsOf(bigint, 'select 5 a, 0.5 b')).toEqual([{ a: 5n, b: 0.5 }])
    expect(await rowsOf(strict, 'select 5 a, 0.5 b')).toEqual([{ a: 5, b: 0.5 }])
    await expect(rowsOf(strict, 'select ? a', [beyond])).rejects.toThrow(RangeError)
  })
})
