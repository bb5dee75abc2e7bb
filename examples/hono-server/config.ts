/**
 * The server's configuration from the environment, checked before anything is opened.
 *
 * @module
 */
import { ConfigError, type EnvStorageOptions, storageOptionsFromEnv } from 'unbusy'

/** What the environment says, with the defaults for what it does not. */
export interface ServerConfig {
  readonly hostname: string
  readonly port: number
  readonly token: string | undefined
  readonly storage: EnvStorageOptions & {
    readonly url: string
    readonly lockTimeoutMs: number
    /** How long a database server may take to answer one request, in milliseconds. @default {8_000} */
    readonly requestTimeoutMs: number
  }
  /** How long a registration may wait for the lock, in milliseconds. @default {8_000} */
  readonly registrationMs: number
  /** How long one flush of presence may; short, as the next heartbeat comes soon. @default {2_000} */
  readonly presenceMs: number
  /** How long a heartbeat waits before it is stored. @default {1_000} */
  readonly presenceFlushMs: number
  /** How often silent sessions and machines are looked for. @default {30_000} */
  readonly sweepIntervalMs: number
  /** Usage events that may wait to be stored. @default {10_000} */
  readonly usageCapacity: number
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
  const budgets = { lockTimeoutMs: 8_000, requestTimeoutMs: 8_000 }
  const storage = { url: 'file:./data/demo.db', ...budgets, ...storageOptionsFromEnv(env) }
  const atMost = (ms: number): number => Math.min(ms, storage.lockTimeoutMs)
  return {
    hostname,
    port: numberOf(env, 'PORT', 3_000, [0, 65_535]),
    token,
    storage,
    registrationMs: atMost(8_000),
    presenceMs: atMost(2_000),
    presenceFlushMs: numberOf(env, 'PRESENCE_FLUSH_MS', 1_000, [1, 60_000]),
    sweepIntervalMs: numberOf(env, 'SWEEP_INTERVAL_MS', 30_000, [10, 3_600_000]),
    usageCapacity: numberOf(env, 'USAGE_QUEUE_CAPACITY', 10_000, [1, 1_000_000]),
  }
}

function numberOf(env: Env, name: string, fallback: number, [least, most]: [number, number]): number {
  const text = env[name] || `${fallback}`
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= least && value <= most) return value
  throw new ConfigError(
    `Cannot use ${name} as it must be a whole number from ${least} to ${most}: current value is ${JSON.stringify(text)}`,
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

/** Whether only this computer reaches it. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '::1' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
}
