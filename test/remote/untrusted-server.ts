/**
 * A server on loopback with a certificate that nobody has signed, and nobody trusts: it is never asked for anything.
 *
 * @module
 */
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:tls'

/** Its key is for everybody to see: it is good for nothing else. Valid until the year 2126. */
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgdk77B7R7th3Upzxg
V/L5yNcnhT7CoMKwA0sT9/RIouahRANCAASBIQ2XKYdMf0PFZj4+SXqt288erU61
11U0gKiIcR92+2LcHPv31+BP4RU1zgsOHq9IeFOlXjvoBlCwkzB3amZj
-----END PRIVATE KEY-----`

const cert = `-----BEGIN CERTIFICATE-----
MIIBmDCCAT6gAwIBAgIUVnUKw0FIWsVyfcy/W0qzGeaNG3MwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzEyMjQzM1oYDzIxMjYxMDMw
MTIyNDMzWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASBIQ2XKYdMf0PFZj4+SXqt288erU6111U0gKiIcR92+2LcHPv31+BP
4RU1zgsOHq9IeFOlXjvoBlCwkzB3amZjo2wwajAdBgNVHQ4EFgQUwANtQDk4GE/3
Ns5iF4zMi1nZhyAwHwYDVR0jBBgwFoAUwANtQDk4GE/3Ns5iF4zMi1nZhyAwGgYD
VR0RBBMwEYIJbG9jYWxob3N0hwR/AAABMAwGA1UdEwEB/wQCMAAwCgYIKoZIzj0E
AwIDSAAwRQIgGT/u+n+kI4QBRB9P9s83GUhd7sw+hon4Wfe6HypFZhICIQD7khBD
NpKgTjQe1RmSzGXZwIS3P4xz+DN7qqKc+V560Q==
-----END CERTIFICATE-----`

/** Its port, and what closes it. */
export interface UntrustedServer extends Disposable {
  readonly port: number
}

export async function startUntrustedServer(): Promise<UntrustedServer> {
  const server = createServer({ key, cert }, (socket) => socket.destroy())
  // Clients hang up in the middle of the handshake.
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.dispose]: () => void server.close(),
  }
}
