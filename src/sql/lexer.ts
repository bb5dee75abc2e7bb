/**
 * Cuts a SQL text into tokens exactly as SQLite's own tokenizer does (`sqlite3GetToken()` in tokenize.c), so
 * that what is decided from a text is never decided from the inside of a string, a comment or a quoted name.
 *
 * @module
 */
import { characterClass, classOf, isDigit, isNameCode } from './characters.ts'

/** What a token is. Any other is one punctuation character, and its kind is the code of that character. */
export const token = {
  /** The end of the text. */
  end: 0,
  /** A keyword or an unquoted name. */
  word: 1,
  /** A name in `"…"`, `` `…` `` or `[…]`. */
  quotedName: 2,
  /** A string in `'…'`; the hexadecimal digits of a blob literal come as one too, behind the word `x`. */
  string: 3,
  number: 4,
  /** `?`, `?3`, `:a`, `@a`, `#a`, `$a`, `$a::b(c)`. */
  parameter: 5,
  /** A quote that is never closed, or a parameter sign without a name: SQLite says "unrecognized token". */
  illegal: 6,
} as const

const byteOrderMark = 0xfeff
const hash = 35
const apostrophe = 39
const openParenthesis = 40
const closeParenthesis = 41
const star = 42
const minus = 45
const slash = 47
const colon = 58
const questionMark = 63
const openBracket = 91
const closeBracket = 93

/**
 * Reads the tokens of one text, one {@linkcode SqlLexer.next} at a time. Comments and blanks are never seen.
 *
 * @example
 * ```ts
 * const lexer = new SqlLexer('select ";" -- ?')
 * lexer.next() // token.word
 * lexer.next() // token.quotedName
 * lexer.next() // token.end
 * ```
 */
export class SqlLexer {
  readonly sql: string
  /** Where the current token begins, as an index into `sql`. */
  start: number
  /** Where it ends (exclusive); the next token is looked for from here. */
  end: number

  constructor(sql: string, from: number = 0) {
    this.sql = sql
    this.start = from
    this.end = from
  }

  /** Moves to the next token and answers its kind, see {@linkcode token}. */
  next(): number {
    const { sql } = this
    const start = skipBlanks(sql, this.end)
    this.start = start
    this.end = start
    if (start === sql.length) return token.end
    const code = sql.charCodeAt(start)
    switch (classOf(code)) {
      case characterClass.letter:
        this.end = skipName(sql, start + 1)
        return token.word
      case characterClass.digit:
        this.end = skipName(sql, start + 1)
        return token.number
      case characterClass.quote:
        return this.#quoted(code)
      case characterClass.parameterSign:
      case characterClass.dollar:
        return code === questionMark ? this.#numbered() : this.#named(code)
      default:
        this.end = start + 1
        return code
    }
  }

  /** The text of the current token. */
  text(): string {
    return this.sql.slice(this.start, this.end)
  }

  /** The current word in upper case if it can be a keyword: as it is written if it is a name beyond doubt. */
  keyword(): string {
    const text = this.text()
    const upper = text.toUpperCase()
    return this.is(upper) ? upper : text
  }

  /** Whether the current token is this keyword, which is given in upper case. */
  is(keyword: string): boolean {
    if (this.end - this.start !== keyword.length) return false
    for (let i = 0; i < keyword.length; i++) {
      // 0xffdf folds the case of ASCII only: 'ſ'.toUpperCase() is 'S', but not for SQLite.
      if ((this.sql.charCodeAt(this.start + i) & 0xffdf) !== keyword.charCodeAt(i)) return false
    }
    return true
  }

  /** What the current word, quoted name or string names: SQLite takes strings for names where it can. */
  name(): string {
    const text = this.text()
    const open = text.charAt(0)
    if (open === '[') return text.slice(1, -1)
    if (open === '"' || open === '`' || open === "'") return text.slice(1, -1).replaceAll(open + open, open)
    return text
  }

  #quoted(open: number): number {
    const { sql } = this
    const close = open === openBracket ? closeBracket : open
    for (let at = this.start + 1; at < sql.length; at++) {
      if (sql.charCodeAt(at) !== close) continue
      if (open !== openBracket && at + 1 < sql.length && sql.charCodeAt(at + 1) === close) at++
      else {
        this.end = at + 1
        return open === apostrophe ? token.string : token.quotedName
      }
    }
    this.end = sql.length
    return token.illegal
  }

  #numbered(): number {
    let at = this.start + 1
    while (at < this.sql.length && isDigit(this.sql.charCodeAt(at))) at++
    this.end = at
    return token.parameter
  }

  #named(sign: number): number {
    const { sql, start } = this
    let hasName = false
    let at = start + 1
    for (; at < sql.length; at++) {
      const code = sql.charCodeAt(at)
      if (isNameCode(code)) hasName = true
      else if (code === colon && sql.charCodeAt(at + 1) === colon) at++
      else if (code === openParenthesis && hasName) {
        at = skipTclIndex(sql, at + 1)
        hasName = sql.charCodeAt(at) === closeParenthesis
        if (hasName) at++
        break
      } else break
    }
    this.end = at
    // `#1` names a register in SQL that SQLite writes for itself, and is a syntax error in anybody else's.
    const isRegister = sign === hash && isDigit(sql.charCodeAt(start + 1))
    return hasName && !isRegister ? token.parameter : token.illegal
  }
}

/** Comments count as blanks, and so does a byte order mark in front of any token. */
function skipBlanks(sql: string, from: number): number {
  for (let at = from; at < sql.length; at++) {
    const code = sql.charCodeAt(at)
    if (code === minus && sql.charCodeAt(at + 1) === minus) {
      at = sql.indexOf('\n', at)
      if (at === -1) return sql.length
    } else if (code === slash && sql.charCodeAt(at + 1) === star && at + 2 < sql.length) {
      // A comment that is not closed ends with the text. `/*/` is not closed: the star cannot serve twice.
      const close = sql.indexOf('*/', at + 2)
      if (close === -1) return sql.length
      at = close + 1
    } else if (code !== byteOrderMark && classOf(code) !== characterClass.blank) return at
  }
  return sql.length
}

function skipName(sql: string, from: number): number {
  let at = from
  while (at < sql.length && isNameCode(sql.charCodeAt(at))) at++
  return at
}

/** The index of a Tcl variable, as in `$a(b)`, is anything but white space. */
function skipTclIndex(sql: string, from: number): number {
  let at = from
  for (; at < sql.length; at++) {
    const code = sql.charCodeAt(at)
    if (code === closeParenthesis || classOf(code) === characterClass.blank) break
  }
  return at
}
