/**
 * One statement of a generated program, with its values in one of the parameter styles.
 *
 * @module
 */
import * as fc from 'fast-check'
import type { ProgramValue } from './values.ts'

export interface ProgramStep {
  readonly sql: string
  readonly parameters: readonly ProgramValue[]
  /** Read it as a stream, with chunks of this size. */
  readonly chunkSize?: number
}

export type Style = '?' | '?1' | 'backwards' | ':' | '@' | '$' | 'mixed'

export const style: fc.Arbitrary<Style> = fc.constantFrom('?', '?1', 'backwards', ':', '@', '$', 'mixed')

/** Writes placeholders in one style, and keeps the values in the order in which they are passed. */
export class StepBuilder {
  readonly #values: ProgramValue[] = []
  readonly #style: Style

  constructor(ofStyle: Style) {
    this.#style = ofStyle
  }

  /** A placeholder; what has a number or a name is passed once, however often it is used. */
  add(value: ProgramValue): string {
    if (this.#style === '?' || this.#style === 'mixed') this.#values.push(value)
    else if (!this.#values.includes(value)) this.#values.push(value)
    const number = this.#style === '?' ? 0 : this.#values.lastIndexOf(value) + 1
    switch (this.#style) {
      case '?':
        return '?'
      case '?1':
        return `?${number}`
      case 'backwards':
        return `?-${number}-`
      case 'mixed':
        return this.#values.length % 2 === 0 ? '?' : `:p${this.#values.length}`
      default:
        return `${this.#style}p${number}`
    }
  }

  finish(sql: string): ProgramStep {
    if (this.#style !== 'backwards') return { sql, parameters: this.#values }
    const count = this.#values.length
    const turned = sql.replace(/\?-(\d+)-/g, (_, number: string) => `?${count + 1 - Number(number)}`)
    return { sql: turned, parameters: this.#values.toReversed() }
  }
}
