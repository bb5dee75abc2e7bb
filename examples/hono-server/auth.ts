/**
 * Who may use the server: those who know the token, if there is one, and no web page of another site.
 *
 * @module
 */
import type { MiddlewareHandler } from 'hono'
import { bearerAuth } from 'hono/bearer-auth'

/** Asks for `Authorization: Bearer <token>`; the comparison takes the same time for every wrong token. */
export function requireToken(token: string): MiddlewareHandler {
  return bearerAuth({
    token,
    noAuthenticationHeader: { message: { error: 'Missing authorization header' } },
    // A response of its own, as the status would be 400.
    invalidAuthenticationHeader: { message: (c) => c.json({ error: 'Authentication failed' }, 401) },
    invalidToken: { message: { error: 'Invalid token' } },
  })
}

/**
 * Refuses what another site's page makes a browser send: a server on loopback without a token is within its reach.
 * Browsers set this header and pages cannot; other clients do not send it.
 */
export const refuseOtherSites: MiddlewareHandler = async (c, next) => {
  const site = c.req.header('sec-fetch-site')
  const isForeign = site === 'cross-site' || site === 'same-site'
  if (isForeign && c.req.method !== 'GET') {
    return c.json({ error: 'forbidden', reason: 'pages of other sites must not write here' }, 403)
  }
  return next()
}
