/** Sends one write to the server of its argument, by way of the proxy that its environment names; says what became of it. */
import process from 'node:process'
import { libsql } from 'unbusy/libsql'

const connector = libsql({ url: process.argv[2] ?? '' })
const connection = await connector.connect('writer', { integers: 'auto', maxCachedStatements: 0 })
const write = { sql: 'drop table note', parameters: [], kind: 'write', cacheable: true } as const
const error = await connection.executeBatch?.([write]).catch((reason: unknown) => reason)
console.log(JSON.stringify({ outcome: connector.outcomeOf?.(error), message: (error as Error).message }))
process.exit(0)
