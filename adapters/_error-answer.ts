/**
 * Answers of HTTP that are no success, made so that `@libsql/client` keeps their status: by that it is known whether
 * anything ran. Of one in JSON it takes the error inside, and forgets the status, although gateways put no code in there
 * (`{"message":"Unauthorized"}`); what is no such object it cannot read at all.
 *
 * @module
 */

const json = 'application/json'

/** The same answer, or one that says the same in plain text. */
export async function readableAnswer(response: Response, url: string): Promise<Response> {
  const { ok, status, headers } = response
  if (ok) return response
  const location = headers.get('location')
  if (status >= 300 && status < 400 && location !== null) {
    const what = `it redirects to ${originOf(location, url)}, and redirects are not followed`
    return withText(status, what, 'text/plain')
  }
  if (!headers.get('content-type')?.startsWith(json)) return response
  const text = await response.text()
  const { message, code, error } = errorIn(text)
  // An error of the server itself has a code that says more than the status.
  if (typeof message === 'string' && typeof code === 'string') return withText(status, text, json)
  // What is before its database, as the check of the token, has another word for it.
  const reason = [message, error].find((words) => typeof words === 'string') ?? ''
  return withText(status, reason, 'text/plain')
}

function withText(status: number, text: string, type: string): Response {
  return new Response(text === '' ? null : text, { status, headers: { 'content-type': type } })
}

/** What comes after the host may hold a secret. */
function originOf(location: string, url: string): string {
  return URL.canParse(location, url) ? new URL(location, url).origin : 'another place'
}

/** What a text of JSON tells of an error; as it is the text is not shown, as a secret may be escaped in there. */
function errorIn(text: string): {
  readonly message?: unknown
  readonly code?: unknown
  readonly error?: unknown
} {
  try {
    return Object(JSON.parse(text))
  } catch {
    return {}
  }
}
