/**
 * Whether the schema has deferred foreign keys. They are checked at COMMIT, so in a group one unit could violate a key
 * and a neighbour satisfy it: both would go through, although the first alone must be refused.
 *
 * @module
 */
import type { Statement } from '../connector.ts'
import type { Row } from '../values.ts'
import type { DirectConnection } from './direct-connection.ts'

const databaseList: Statement = question('PRAGMA database_list')
const main = schemaOf({ name: 'main' })

/** Looked up once per version of the schemas: main, and where there may be more, temp and what is attached. */
export class DeferredKeys {
  readonly #hasOtherSchemas: () => boolean
  #version = ''
  #exist = false

  /** @param hasOtherSchemas Whether there may be any but main: asking which costs as much as a small group. */
  constructor(hasOtherSchemas: () => boolean) {
    this.#hasOtherSchemas = hasOtherSchemas
  }

  /** To be asked inside the group's transaction, where no other process can change the schema. */
  async exist(writer: DirectConnection): Promise<boolean> {
    const schemas = this.#hasOtherSchemas() ? (await writer.run(databaseList)).rows.map(schemaOf) : [main]
    let version = ''
    for (const { id, versionQuestion } of schemas) {
      const { rows } = await writer.run(versionQuestion)
      version += `${id} ${rows[0]?.schema_version};`
    }
    if (version !== this.#version) {
      this.#exist = false
      for (const { name } of schemas) this.#exist ||= await hasDeferredTable(writer, name)
      this.#version = version
    }
    return this.#exist
  }
}

interface Schema {
  /** Quoted. */
  readonly name: string
  /** Another file may be attached by the same name. */
  readonly id: string
  readonly versionQuestion: Statement
}

function schemaOf({ name, file }: Row): Schema {
  const quoted = `"${String(name).replaceAll('"', '""')}"`
  const versionQuestion = question(`PRAGMA ${quoted}.schema_version`)
  return { name: quoted, id: `${quoted} ${file}`, versionQuestion }
}

async function hasDeferredTable(writer: DirectConnection, schema: string): Promise<boolean> {
  const sql = `select 1 from ${schema}.sqlite_schema where type = 'table' and sql like '%initially%deferred%' limit 1`
  return (await writer.run(question(sql))).rows.length > 0
}

function question(sql: string): Statement {
  return { sql, parameters: [], kind: 'alone', cacheable: true }
}
