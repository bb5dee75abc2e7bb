/** What is wrong with a path is said in a sentence, by a typed error, the same with every connector. */
import { chmod, mkdir, rm, truncate, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { OpenError, openStorage } from 'unbusy'
import { expect } from 'vitest'
import { type CaseContext, type ContractCase, describeContract } from '../contract/case.ts'
import { connectorNames, connectorTo, runtime } from '../contract/matrix.ts'
import { rejection } from '../contract/note.ts'
import { peerQuery } from '../processes/peer.ts'
import { canDropPrivileges, openAsNobody } from './as-nobody.ts'

/** Opens a path in this process, and answers the error. */
async function errorOf({ connector }: CaseContext, path: string): Promise<Error> {
  const error = await rejection(
    openStorage({ connector: await connectorTo(connector, path), onWarning: () => {} }),
  )
  expect(error).toBeInstanceOf(OpenError)
  return error
}

const readOnly = 'the file or its folder is read-only: the writer needs to write to both'

const cases: ContractCase[] = [
  {
    name: 'a folder',
    async run(context) {
      await mkdir(context.path)
      const { message } = await errorOf(context, context.path)
      expect(message).toBe(`Cannot open database ${context.path} as it is a folder: the url must name a file`)
    },
  },
  {
    name: 'a missing folder',
    async run(context) {
      const { message } = await errorOf(context, `${context.path}.d/app.db`)
      const sentence = `its folder ${context.path}.d does not exist: it must be created first`
      expect(message).toBe(`Cannot open database ${context.path}.d/app.db as ${sentence}`)
    },
  },
  {
    name: 'a file in the place of the folder',
    async run(context) {
      await writeFile(context.path, '')
      const { message } = await errorOf(context, `${context.path}/app.db`)
      expect(message).toBe(`Cannot open database ${context.path}/app.db as ${context.path} is not a folder`)
    },
  },
  {
    name: 'a path that is longer than SQLite takes',
    async run(context) {
      let folder = context.path
      while (folder.length < 500) folder += `/${'é'.repeat(40)}`
      await mkdir(folder, { recursive: true })
      const path = `${folder}/app.db`
      const { message } = await errorOf(context, path)
      const sentence = `its path has ${Buffer.byteLength(path)} bytes: SQLite takes 504 at most`
      expect(message).toBe(`Cannot open database ${path} as ${sentence}`)
    },
  },
  {
    name: 'a file that is not a database; it is left as it was',
    async run(context) {
      const texts = ['short', 'longer than the header of a database, '.repeat(100)]
      for (const text of texts) {
        await writeFile(context.path, text)
        const error = await errorOf(context, context.path)
        const sentence = 'the file is not a SQLite database, or it is an encrypted one'
        expect(error.message).toBe(`Cannot open database ${context.path} as ${sentence}`)
        expect(error.cause).toBeInstanceOf(Error)
        await rm(context.path)
      }
    },
  },
  {
    name: 'a database that is cut off',
    async run(context) {
      await context.peer('create table t (a)', 'insert into t values (randomblob(10000))')
      await truncate(context.path, 5_000)
      const { message } = await errorOf(context, context.path)
      expect(message).toBe(
        `Cannot open database ${context.path} as SQLite answered SQLITE_CORRUPT: database disk image is malformed`,
      )
    },
  },
]

/** A file that another user may not use; `prepare` runs as the owner, in a folder of its own. */
interface Denial {
  readonly name: string
  prepare(path: string): Promise<void>
  sentence(path: string): string
}

const denials: readonly Denial[] = [
  {
    name: 'a file that may not be read',
    async prepare(path) {
      await peerQuery(path, ['create table t (a)'])
      await chmod(path, 0o000)
    },
    sentence: () => 'this process may not read it: its permissions must allow that',
  },
  {
    name: 'a read-only file',
    async prepare(path) {
      await peerQuery(path, ['create table t (a)'])
      await chmod(path, 0o444)
    },
    sentence: () => readOnly,
  },
  {
    name: 'a read-only file that is in WAL mode already',
    async prepare(path) {
      await peerQuery(path, ['pragma journal_mode = wal', 'create table t (a)'])
      await chmod(path, 0o444)
    },
    sentence: () => readOnly,
  },
  {
    name: 'a read-only folder',
    async prepare(path) {
      await peerQuery(path, ['pragma journal_mode = wal', 'create table t (a)'])
      await chmod(path, 0o666)
      await chmod(dirname(path), 0o555)
    },
    sentence: () => readOnly,
  },
  {
    name: 'a new file in a read-only folder',
    prepare: (path) => chmod(dirname(path), 0o555),
    sentence: (path) => `it does not exist and this process may not create files in ${dirname(path)}`,
  },
  {
    name: 'a folder that may not be entered',
    async prepare(path) {
      await peerQuery(path, ['create table t (a)'])
      await chmod(dirname(path), 0o000)
    },
    sentence: (path) =>
      `this process may not enter its folder ${dirname(path)}: the permissions of the folder must allow that`,
  },
]

const names = denials.map(({ name }) => name).join(', ')

cases.push({
  name: `another user's files: ${names}`,
  not:
    canDropPrivileges === true
      ? {}
      : Object.fromEntries(connectorNames.map((name) => [name, canDropPrivileges])),
  async run({ connector, path }) {
    await chmod(dirname(path), 0o777)
    const paths = denials.map((_, index) => join(dirname(path), `${index}`, 'denied.db'))
    for (const [index, denied] of paths.entries()) {
      await mkdir(dirname(denied))
      await chmod(dirname(denied), 0o777)
      await denials[index]?.prepare(denied)
    }
    const errors = await openAsNobody(runtime, connector, paths)
    const expected = denials.map(({ sentence }, index) => {
      const denied = paths[index] ?? ''
      return { name: 'OpenError', message: `Cannot open database ${denied} as ${sentence(denied)}` }
    })
    expect(errors).toEqual(expected)
  },
})

describeContract('a database that cannot be opened', cases)
