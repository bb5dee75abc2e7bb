/**
 * The server's configuration from the environment, checked before anything is opened.
 *
 * @module
 */
import { ConfigError, type EnvStorageOptions, storageOptionsFromEnv } from 'unbusy'
import type { Budgets } from './app.ts'

/** What the environment says, with the defaults for what it does not. */
export interface ServerConfig {
  readonly hostname: string
  readonly port: number
  readonly token: string | undefined
  readonly storage: EnvStorageOptions & { readonly url: string; readonly lockTimeoutMs: number }
  readonly budgets: Budgets
}

type Env = Readonly<Record<string, string | undefined>>

/**
 * Reads `HOST`, `PORT`, `API_TOKEN` and the variables of `storageOptionsFromEnv`. One that is empty counts as not set.
 *
 * @throws {ConfigError} If one cannot be used. The message names it and says what it must be.
 */
export function configFromEnv(env: Env): ServerConfig {
  const hostname = env.HOST || '127.0.0.1'
  const token = tokenOf(env)
  if (token === undefined && !isLoopback(hostname)) {
    throw new ConfigError(
      `Cannot listen on ${hostname} without API_TOKEN as others can reach it there: set API_TOKEN, or HOST to 127.0.0.1`,
    )
  }
  // 8 s: a client gives up after 10 s, and should hear before that there was no luck.
  const storage = { url: 'file:./data/demo.db', lockTimeoutMs: 8_000, ...storageOptionsFromEnv(env) }
  const atMost = (ms: number): number => Math.min(ms, storage.lockTimeoutMs)
  const budgets = { registrationMs: atMost(8_000), presenceMs: atMost(2_000) }
  return { hostname, port: portOf(env), token, storage, budgets }
}

function portOf(env: Env): number {
  const text = env.PORT || '3000'
  const port = Number(text)
  if (/^\d+$/.test(text) && port <= 65_535) return port
  throw new ConfigError(
    `Cannot use PORT as it must be a whole number from 0 (any free port) to 65535: current value is ${JSON.stringify(text)}`,
  )
}

function tokenOf(env: Env): string | undefined {
  const token = env.API_TOKEN
  if (token === undefined || token === '') return undefined
  // RFC 6750; anything else cannot be sent as a bearer token.
  if (/^[\w.~+/-]+=*$/.test(token)) return token
  throw new ConfigError(
    'Cannot use API_TOKEN as it must consist of letters, digits and - . _ ~ + / only, and = at its end',
  )
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '::1' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
}
