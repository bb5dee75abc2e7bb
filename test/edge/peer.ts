/**
 * Stands in for the contract's other processes, and for drivers of files: inside workerd there are none.
 *
 * @module
 */
import { NotHere } from '../contract/not-here.ts'

export function peerCommand(): never {
  throw new NotHere('there are no other processes')
}

export { peerCommand as binary, peerCommand as foreignHandle, peerCommand as peerQuery }
