/**
 * Who may use the server: those who know the token, if there is one.
 *
 * @module
 */
import type { Context, MiddlewareHandler } from 'hono'
import { bearerAuth } from 'hono/bearer-auth'
import { getCookie, setCookie } from 'hono/cookie'
import { timingSafeEqual } from 'hono/utils/buffer'
import { hasOwnOrigin, isUpgrade } from './other-sites.ts'

const cookieName = 'unbusy_demo_page'

/** What lets a browser read: a cookie that stands for the token, and is not it. */
export class PageAccess {
  readonly #token: string

  constructor(token: string) {
    this.#token = token
  }

  isToken(token: string): Promise<boolean> {
    return timingSafeEqual(token, this.#token)
  }

  /** The same after a restart. Servers on other ports of this host see it, too: it must not give the token away. */
  async cookie(): Promise<string> {
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(`live page ${this.#token}`))
    return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
  }

  async hasCookie(c: Context): Promise<boolean> {
    const cookie = getCookie(c, cookieName)
    return cookie !== undefined && timingSafeEqual(cookie, await this.cookie())
  }
}

/** Lets the browser in for 30 days. No script can read it, and no other site's page makes the browser send it. */
export function setPageCookie(c: Context, value: string): void {
  setCookie(c, cookieName, value, { httpOnly: true, sameSite: 'Strict', path: '/', maxAge: 30 * 86_400 })
}

/** Asks for `Authorization: Bearer <token>`; the comparison takes the same time for every wrong token. */
function requireToken(token: string): MiddlewareHandler {
  return bearerAuth({
    token,
    noAuthenticationHeader: { message: { error: 'Missing authorization header' } },
    // A response of its own, as the status would be 400.
    invalidAuthenticationHeader: { message: (c) => c.json({ error: 'Authentication failed' }, 401) },
    invalidToken: { message: { error: 'Invalid token' } },
  })
}

/**
 * The same, or the cookie of the page for what only reads. A WebSocket begins with GET and can write: the browser must say
 * that a page of this server opens it, as the cookie alone is also sent where only the port differs.
 */
export function requireTokenOrCookie(token: string, access: PageAccess): MiddlewareHandler {
  const askForToken = requireToken(token)
  return async (c, next) => {
    const isRead = c.req.method === 'GET' && c.req.header('authorization') === undefined
    const mayEnter = isRead && (!isUpgrade(c) || hasOwnOrigin(c))
    return mayEnter && (await access.hasCookie(c)) ? next() : askForToken(c, next)
  }
}
