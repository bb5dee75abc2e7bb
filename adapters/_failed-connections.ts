/**
 * By what it is seen that a connection to a server was never made, so that nothing was sent on it. Each runtime says so in
 * codes or words of its own.
 *
 * @module
 */

/** Codes of errors by which no request left this machine, on Node, Bun and Deno, unless it was a read or a write that failed. */
const neverSent: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'ConnectionRefused',
  'FailedToOpenSocket',
  // A proxy has refused to connect to the server (CONNECT).
  'ERR_PROXY_TUNNEL',
])

/**
 * Deno tells in words alone (https://github.com/denoland/deno, ext/fetch), and so do Node and Bun of some handshakes, and Node of
 * proxies: the connection, not the request, failed.
 */
const connectFailed =
  /client error \(Connect\)|ECONNREFUSED|ENOTFOUND|TLS handshake failed|before secure TLS connection was established|^Proxy response \(\d+\) !== 200 when HTTP Tunneling/

/**
 * A WebSocket that was never open, in the words of Deno, Bun and the `ws` of Node. What Bun says of one that was open
 * begins alike: `… failed: Server sent invalid UTF8`.
 */
const handshakeFailed =
  /failed to connect to WebSocket|' failed: (?:Failed to connect|Connection ended|Expected 101|TLS handshake)|^Unexpected server response: \d|^(?:connect|getaddrinfo) E|^socket hang up$/

/** Who the server is cannot be trusted: the codes of Node and Bun, and the words of Deno and of a WebSocket that was never open. */
const badCertificateCode = /CERT|^UNABLE_TO_VERIFY_LEAF|^SELF_SIGNED/
const badCertificate = /invalid peer certificate/
const badCertificateOfSocket = /^(?!WebSocket was closed).*certificate/

/** Whether the server could not show who it is: nothing was sent to it, and another try would end so too. */
export function isUntrusted(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { name, code, message } = at as Error & Readonly<Record<string, unknown>>
    if (typeof code === 'string' && badCertificateCode.test(code)) return true
    if ((name === 'WebSocketError' ? badCertificateOfSocket : badCertificate).test(message)) return true
  }
  return false
}

/** Whether no request went out, as the connection for it could not be made. */
export function wasNeverSent(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { name, code, syscall, message, errors } = at as Error & Readonly<Record<string, unknown>>
    // A route can get lost under a connection that is open: `read EHOSTUNREACH`.
    if (typeof code === 'string' && neverSent.has(code) && syscall !== 'read' && syscall !== 'write')
      return true
    if (syscall === 'connect' || syscall === 'getaddrinfo') return true
    if (connectFailed.test(message)) return true
    if (name === 'WebSocketError' && handshakeFailed.test(message)) return true
    // What the client says of a request on a stream that was lost before: those under way have the reason itself.
    if (name === 'ClosedError') return true
    // Node tries every address of a name.
    if (Array.isArray(errors) && errors.length > 0 && errors.every(wasNeverSent)) return true
  }
  return false
}
