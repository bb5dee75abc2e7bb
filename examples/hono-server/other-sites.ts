/**
 * What the web page of another site must not do with this server, though it can reach it: the browser runs on the same
 * computer. Browsers set the headers that tell, and pages cannot; other clients do not send them.
 *
 * @module
 */
import type { Context, MiddlewareHandler } from 'hono'
import { isLoopback } from './config.ts'

/** Refuses what another site's page makes a browser send, unless it only reads: then the browser keeps the answer. */
export const refuseOtherSites: MiddlewareHandler = async (c, next) => {
  const site = c.req.header('sec-fetch-site')
  const isForeign = site === 'cross-site' || site === 'same-site' || hasForeignOrigin(c)
  // Any page may open a WebSocket to anywhere, and over it one can write.
  const isRead = (c.req.method === 'GET' || c.req.method === 'HEAD') && !isUpgrade(c)
  return isForeign && !isRead ? forbidden(c, 'pages of other sites must not write here') : next()
}

/**
 * Where no token is asked for, only this computer's own names are answered to. Another site can point its name to 127.0.0.1
 * (DNS rebinding): its page would be of this very origin then, and could even read.
 */
export const refuseOtherNames: MiddlewareHandler = async (c, next) => {
  const url = `http://${c.req.header('host')}`
  const name = URL.canParse(url) ? new URL(url).hostname.replaceAll(/[[\]]/g, '') : ''
  return isLoopback(name) ? next() : forbidden(c, 'without API_TOKEN the host must be localhost or 127.0.0.1')
}

/** Whether the request is to become something else than HTTP. */
export function isUpgrade(c: Context): boolean {
  return c.req.header('upgrade') !== undefined
}

/** Whether a page of this server sends it, and the browser says so. */
export function hasOwnOrigin(c: Context): boolean {
  const origin = c.req.header('origin')
  return origin !== undefined && URL.canParse(origin) && new URL(origin).host === c.req.header('host')
}

function hasForeignOrigin(c: Context): boolean {
  return c.req.header('origin') !== undefined && !hasOwnOrigin(c)
}

function forbidden(c: Context, reason: string): Response {
  return c.json({ error: 'forbidden', reason }, 403)
}
