/**
 * The files of the page, where there is a file system.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import type { ReadPage } from './routes/page.ts'

/** Reads them from the folder beside this module. */
export const readPage: ReadPage = (name) => readFile(new URL(`./page/${name}`, import.meta.url), 'utf8')
