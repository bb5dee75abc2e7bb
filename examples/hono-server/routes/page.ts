/**
 * The live page: plain files, no build, nothing from elsewhere. Browsers cannot send a token with an event stream, so who
 * enters it once gets a cookie, with which this page's reads are answered.
 *
 * @module
 */
import { Hono } from 'hono'
import { type PageAccess, setPageCookie } from '../auth.ts'
import { InvalidParamsError } from '../validation.ts'

/** A file of the page. */
export type PageFile =
  | 'live.html'
  | 'sign-in.html'
  | 'live.css'
  | 'live.js'
  | 'listing.js'
  | 'figures.js'
  | 'icon.svg'

/** Reads a file of the page as text; where files are is the runtime's. */
export type ReadPage = (name: PageFile) => Promise<string>

const [html, script] = ['text/html; charset=utf-8', 'text/javascript; charset=utf-8']
const types: Readonly<Record<PageFile, string>> = {
  'live.html': html,
  'sign-in.html': html,
  'live.css': 'text/css; charset=utf-8',
  'live.js': script,
  'listing.js': script,
  'figures.js': script,
  'icon.svg': 'image/svg+xml',
}

const headers = {
  'cache-control': 'no-cache',
  // What a machine calls itself is shown as text; even if it were not, nothing from elsewhere would run.
  'content-security-policy': "default-src 'self'; frame-ancestors 'none'; form-action 'self'",
  // Not `no-referrer`: with that, browsers would not say that the form is of this server, but `Origin: null`.
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
}

/** `GET /` and its files; `POST /` signs in. */
export function pageRoutes(access: PageAccess | undefined, readPage: ReadPage): Hono {
  const app = new Hono()
  const serve = async (
    name: PageFile,
    status: 200 | 401 = 200,
    edit: (text: string) => string = (text) => text,
  ): Promise<Response> => {
    const text = edit(await readPage(name))
    return new Response(text, { status, headers: { ...headers, 'content-type': types[name] } })
  }
  app.get('/', async (c) => {
    const isIn = access === undefined || (await access.hasCookie(c))
    return isIn ? serve('live.html') : serve('sign-in.html', 401)
  })
  app.post('/', async (c) => {
    if (access === undefined) return c.redirect('/', 303)
    const { token } = await c.req.parseBody().catch(() => {
      throw new InvalidParamsError('the body must be a form')
    })
    if (typeof token !== 'string' || !(await access.isToken(token)))
      return serve('sign-in.html', 401, (html) => html.replace('role="alert" hidden', 'role="alert"'))
    setPageCookie(c, await access.cookie())
    return c.redirect('/', 303)
  })
  for (const name of ['live.css', 'live.js', 'listing.js', 'figures.js', 'icon.svg'] as const)
    app.get(`/${name}`, () => serve(name))
  return app
}
