/**
 * The classes of characters that SQLite's tokenizer knows: `aiClass` and `IdChar()` in tokenize.c.
 *
 * @module
 */

/** What a character may begin; 0 is punctuation. */
export const characterClass = {
  blank: 1,
  letter: 2,
  digit: 3,
  dollar: 4,
  quote: 5,
  parameterSign: 6,
} as const

const { blank, letter, digit, dollar, quote, parameterSign } = characterClass

const members: readonly (readonly [characters: string, itsClass: number])[] = [
  [' \t\n\v\f\r', blank],
  ['ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz', letter],
  ['0123456789', digit],
  ['$', dollar],
  ['\'"`[', quote],
  ['?:@#', parameterSign],
]

const classes: Uint8Array = new Uint8Array(128)
for (const [characters, itsClass] of members) {
  for (const character of characters) classes[character.charCodeAt(0)] = itsClass
}

/** The class of a character at the beginning of a token. What is not ASCII belongs to names. */
export function classOf(code: number): number {
  return code > 127 ? letter : (classes[code] ?? 0)
}

/** Whether a name goes on with this character. */
export function isNameCode(code: number): boolean {
  const is = classOf(code)
  return is === letter || is === digit || is === dollar
}

/** Whether it is one of 0 to 9. */
export function isDigit(code: number): boolean {
  return classOf(code) === digit
}
