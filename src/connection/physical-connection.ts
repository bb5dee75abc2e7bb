/**
 * One connection of the driver, and its replacement when it had to be given up: initialized before its first use, and
 * never used again once it cannot be trusted (contracts C1, C10).
 *
 * @module
 */
import type { Connection, ConnectionSettings, Connector, Role, Statement } from '../connector.ts'
import { callOnConnection, type InitOptions, setPragmas } from './connection-init.ts'
import type { DriverErrors } from './driver-errors.ts'
import type { FileGuard } from './file-guard.ts'

/** How connections of one storage are opened. */
export interface ConnectionOptions extends InitOptions {
  readonly settings: ConnectionSettings
  /** Asked around every write, before it is acknowledged. */
  readonly guard?: FileGuard | undefined
}

/** The connection that a role has at the moment. */
export class PhysicalConnection {
  readonly role: Role
  /** To be asked around every write: only the writer's commits are at stake. */
  readonly writeGuard: FileGuard | undefined
  readonly #connector: Connector
  readonly #options: ConnectionOptions
  readonly #errors: DriverErrors
  #driver: Connection
  /**
   * A `new` connection has no pragmas yet; one that is `spoiled` cannot be trusted, and is replaced before its next use;
   * `closed`: given up already.
   */
  #state: 'new' | 'ready' | 'spoiled' | 'closed' = 'new'
  /** Shared by those who use the connection at once, as readers do: one of them prepares it, for all. */
  #preparing: Promise<void> | undefined

  private constructor(
    connector: Connector,
    role: Role,
    options: ConnectionOptions,
    errors: DriverErrors,
    driver: Connection,
  ) {
    this.#connector = connector
    this.role = role
    this.writeGuard = role === 'writer' ? options.guard : undefined
    this.#options = options
    this.#errors = errors
    this.#driver = driver
  }

  /** Opens one; it has to be prepared before its first use. */
  static async open(
    connector: Connector,
    role: Role,
    options: ConnectionOptions,
    errors: DriverErrors,
  ): Promise<PhysicalConnection> {
    const driver = await connector.connect(role, options.settings)
    return new PhysicalConnection(connector, role, options, errors, driver)
  }

  /** The driver's connection. Ask for it anew each time: it may have been replaced. */
  get driver(): Connection {
    return this.#driver
  }

  /** Whether it can be used as it is. */
  get isReady(): boolean {
    return this.#state === 'ready'
  }

  /** Whether SQLite says that a transaction is open. */
  get inTransaction(): boolean {
    return this.#state !== 'spoiled' && this.#state !== 'closed' && this.#driver.inTransaction
  }

  /** Makes it ready, with a new connection where the last one is spoiled. Meeting a lock, it can be called again. */
  prepare(): Promise<void> {
    this.#preparing ??= this.#initialize().finally(() => {
      this.#preparing = undefined
    })
    return this.#preparing
  }

  /** Has it replaced by a new one before its next use. */
  spoil(): void {
    // What others met on the one that is being given up says nothing of its successor.
    if (this.#state !== 'closed') this.#state = 'spoiled'
  }

  /**
   * Closes what is spoiled.
   *
   * @throws {FileReplacedError} If its files are lost: what becomes of it then is decided elsewhere.
   */
  async discard(): Promise<void> {
    // Asked while it is open: without it, and without readers, SQLite makes new files, which are then the right ones.
    this.writeGuard?.beforeWrite()
    this.#state = 'closed'
    try {
      await this.#driver.close()
    } catch {
      // Nothing uses it any more, and why it was given up is what the caller has to know.
    }
  }

  /** Closes it for good; an open transaction is rolled back by SQLite. */
  async close(): Promise<void> {
    // Whoever asks afterwards is told that no transaction is open: a closed driver would throw.
    this.#state = 'spoiled'
    await this.#driver.close()
  }

  async #initialize(): Promise<void> {
    if (this.#state === 'spoiled') await this.discard()
    if (this.#state === 'closed') {
      this.#driver = await this.#connector.connect(this.role, this.#options.settings)
      this.#state = 'new'
    }
    const { autocommit, remote } = this.#connector.capabilities
    if (!autocommit) this.#state = 'spoiled'
    if (!remote) await setPragmas(this.#driver, this.role, this.#options)
    // The first word with a server: a wrong address or token shows when the storage is opened.
    else if (this.role === 'writer') await this.#sayHello()
    // When it fails half way, what it did so far would fail the second time on this connection, such as an ATTACH.
    this.#state = 'spoiled'
    await callOnConnection(this.#driver, this.role, this.#options)
    this.#options.guard?.opened(this.role)
    this.#state = 'ready'
  }

  async #sayHello(): Promise<void> {
    try {
      await this.#driver.execute(hello)
    } catch (error) {
      throw this.#errors.translate(error, 'read')
    }
  }
}

const hello: Statement = { sql: 'select 1', parameters: [], kind: 'read', cacheable: true }
