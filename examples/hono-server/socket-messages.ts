/**
 * What the WebSockets of all runtimes have in common, though each runtime's own is another: where it is, how large a
 * message may be, and how much of what was sent has not left yet.
 *
 * @module
 */
import type { WSContext } from 'hono/ws'

/** Where the WebSocket is. */
export const updatesPath = '/v1/updates'

/** A message is one heartbeat. Node and Bun refuse a larger one by themselves, before it is in memory. */
export const maxMessageBytes = 65_536

/** A WebSocket of any runtime; how much of what was sent has not left yet is asked in one of two ways. */
type RawSocket = { readonly readyState: number } & (
  | { readonly bufferedAmount: number }
  | { getBufferedAmount(): number }
)

/** Whether a message has more than {@linkcode maxMessageBytes}. */
export function isTooLarge(message: unknown): boolean {
  if (typeof message !== 'string') return sizeOf(message as Blob | ArrayBuffer) > maxMessageBytes
  // A character has one to three bytes in UTF-8: few messages have to be counted.
  if (message.length > maxMessageBytes) return true
  return message.length * 3 > maxMessageBytes && new TextEncoder().encode(message).length > maxMessageBytes
}

/** Hangs up as a runtime does that refuses too large a message by itself. */
export function closeAsTooLarge(socket: WSContext): void {
  socket.close(1009, 'too large')
}

/** Sends an event, `json` being its data. */
export function sendTo(
  socket: WSContext,
  { event, json }: { readonly event: string; readonly json: string },
): void {
  // Of a socket that is closing nobody reads.
  if (isOpen(socket)) socket.send(`{"event":"${event}","data":${json}}`)
}

/** What waits in the socket, in bytes; on workerd nobody can tell, and it is taken for nothing. */
export function bufferedBytesOf({ raw }: WSContext): number {
  const socket = raw as RawSocket
  return ('getBufferedAmount' in socket ? socket.getBufferedAmount() : socket.bufferedAmount) ?? 0
}

/** Asked of the runtime's own socket: Hono's may tell what was when it was made. */
function isOpen({ raw }: WSContext): boolean {
  return (raw as RawSocket).readyState === WebSocket.OPEN
}

function sizeOf(message: Blob | ArrayBuffer): number {
  return 'byteLength' in message ? message.byteLength : message.size
}
