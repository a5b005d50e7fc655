import { Connection } from '../netlink/connection.ts'
import { NETLINK_NETFILTER } from '../nftables/index.ts'
import { NETLINK_ROUTE } from '../rtnetlink/types.ts'
import type { Descriptor } from '../sys/descriptor.ts'
import { createAnonymousNamespace, insideNamespace } from '../sys/namespace.ts'

/**
 * A network namespace to try things in: made on first use, without a name, and gone with everything in it when this
 * object is disposed of. All getters throw SystemError: EPERM without the privilege to make one.
 */
export class Place implements Disposable {
  #namespace: Descriptor | undefined
  #route: Connection | undefined
  #netfilter: Connection | undefined

  get #number(): number {
    this.#namespace ??= createAnonymousNamespace()
    return this.#namespace.number
  }

  get route(): Connection {
    this.#route ??= Connection.open(NETLINK_ROUTE, { namespace: this.#number })
    return this.#route
  }

  get netfilter(): Connection {
    this.#netfilter ??= Connection.open(NETLINK_NETFILTER, { namespace: this.#number })
    return this.#netfilter
  }

  /** Runs a short synchronous section inside; see insideNamespace. */
  inside<T>(section: () => T): T {
    return insideNamespace(this.#number, section)
  }

  [Symbol.dispose](): void {
    this.#route?.[Symbol.dispose]()
    this.#netfilter?.[Symbol.dispose]()
    this.#namespace?.close()
    this.#route = this.#netfilter = this.#namespace = undefined
  }
}
