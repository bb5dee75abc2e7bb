/**
 * Kysely on an open pool. Single queries go straight to their place, everything else through Kysely's own connections.
 *
 * @module
 */
import { type Dialect, Kysely, type KyselyConfig } from 'kysely'
import { UnbusyDriver } from '../driver.ts'
import { StorageExecutor } from '../kysely/executor.ts'
import type { PoolOptions, WaitOptions } from '../options/pool-options.ts'
import { queryAlone } from '../pool/router.ts'
import type { ConnectionPool } from '../pool.ts'

/** The options of Kysely that a storage takes. */
export type KyselyOptions = Pick<KyselyConfig, 'plugins' | 'log'>

/** Options of {@linkcode openStorage}: those of the storage, and Kysely's `plugins` and `log`. */
export interface StorageOptions extends PoolOptions, KyselyOptions {}

/** Makes the Kyselys of one storage: they have all in common but how they wait. */
export function kyselyFactory<DB>(
  pool: ConnectionPool,
  dialect: Dialect,
  options: KyselyOptions,
): (waitOptions?: WaitOptions) => Kysely<DB> {
  // Kysely's RuntimeDriver is not public, so its provider (with logging and abortable acquisition) is taken from here.
  const config: KyselyConfig = { dialect, ...options }
  const base = new Kysely<DB>(config).getExecutor()
  const driver = new UnbusyDriver(async () => pool)
  void driver.init()
  return (waitOptions) => {
    const executor = new StorageExecutor(
      {
        clock: pool.clock,
        context: pool.connector.context,
        compiler: dialect.createQueryCompiler(),
        adapter: base.adapter,
        provider: { provideConnection: (consumer, abort) => base.provideConnection(consumer, abort) },
        waitOptions,
        assertTakesIn: () => pool.intake.assertTakesIn(),
        ...(options.log === undefined && {
          executeAlone: (query) => queryAlone(pool, query, waitOptions),
        }),
      },
      options.plugins,
    )
    return new Kysely<DB>({ config, executor, dialect, driver })
  }
}
