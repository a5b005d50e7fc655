import { type Change, ChangeError, type Outcome } from '../../../src/linux/change.ts'
import type { Kernel } from '../../../src/linux/kernel.ts'
import type { Link } from '../../../src/linux/rtnetlink/link.ts'
import type { Route } from '../../../src/linux/rtnetlink/route.ts'
import type { TestMachine } from '../kernel-suite.ts'
import type { Listening } from '../listen.ts'
import type { Track } from '../track.ts'

export type NewStage = () => Stage

/** One test's kernel, what it made so far, and short ways to make more. */
export class Stage {
  readonly kernel: Kernel
  readonly #machine: TestMachine
  readonly #opened: Kernel[] = []
  readonly #namespaces = new Set<string>()
  readonly #sockets: Disposable[] = []

  constructor(machine: TestMachine) {
    this.#machine = machine
    this.kernel = this.open()
  }

  /** A path of the test's own. */
  path(name: string): string {
    return `${this.#machine.folder}/${name}`
  }

  /** The kernel as another program on the machine has it. */
  open(): Kernel {
    const kernel = this.#machine.open()
    this.#opened.push(kernel)
    return kernel
  }

  /** Carries out changes; one text each: 'done', 'not-tried' or the errno. */
  change(...changes: Change[]): string[] {
    return this.kernel.change(changes).map(codeOf)
  }

  /** Carries out changes that must succeed. */
  must(...changes: Change[]): void {
    const outcomes = this.kernel.change(changes)
    for (const outcome of outcomes) if (outcome !== 'done') throw outcome
  }

  /** A new namespace; returns its path. */
  namespace(name: string, mark?: string): string {
    const path = this.path(name)
    this.#namespaces.add(path)
    this.must({ type: 'namespace.add', path, ...(mark === undefined ? {} : { mark }) })
    return path
  }

  /** A cable between two new namespaces, both ends down and without IPv6 unless asked. */
  cable(options: { up?: boolean; ipv6?: boolean } = {}): Cable {
    const [where, peerWhere] = [this.namespace('one'), this.namespace('two')]
    const ends = [
      { where, name: 'left', index: 10 },
      { where: peerWhere, name: 'right', index: 20 },
    ] as const
    this.must(veth(ends[0], ends[1]))
    for (const end of ends) {
      const key = `net.ipv6.conf.${end.name}.disable_ipv6`
      if (!options.ipv6) this.must({ type: 'sysctl.set', where: end.where, key, value: '1' })
      if (options.up) this.must({ type: 'link.set', ...end, up: true })
    }
    return { left: ends[0], right: ends[1] }
  }

  link(where: string, name: string): Link | undefined {
    return this.kernel.links(where).find(link => link.name === name)
  }

  /** Listens until it is disposed of, or the test ends. */
  listen(listening: Listening): Disposable {
    const socket = this.#machine.listen(listening)
    this.#sockets.push(socket)
    return socket
  }

  /** Lets connection tracking know a flow; it goes with its namespace. */
  readonly track: Track = (flow, where) => this.#machine.track(flow, where)

  /** Removes what the test made, and waits until it is gone: the kernel ends a namespace some time after its last user. */
  async clean(): Promise<void> {
    const { kernel } = this
    for (const socket of this.#sockets) socket[Symbol.dispose]()
    const links = new Set(
      kernel.links(undefined).flatMap(({ kind, name }) => (kind === 'veth' ? [name] : [])),
    )
    for (const path of this.#namespaces)
      if (kernel.namespaceState(path) === 'present') this.must({ type: 'namespace.delete', path })
    for (const each of this.#opened) each[Symbol.dispose]()
    using last = this.#machine.open()
    await until(() => !last.links(undefined).some(({ name }) => links.has(name)))
  }
}

export type End = { where: string | undefined; name: string; index: number }
export type Cable = { left: End & { where: string }; right: End & { where: string } }

export const codeOf = (outcome: Outcome): string =>
  outcome instanceof ChangeError ? (outcome.code ?? (outcome.cause as Error).name) : outcome

/** The change that makes a cable; link-layer addresses from the indexes. */
export const veth = (end: End, peer: End, mtu?: number): Change => ({
  type: 'veth.add',
  ...end,
  address: macOf(1, end.index),
  mtu,
  peer: { ...peer, address: macOf(2, peer.index), mtu },
})

const macOf = (end: number, index: number): string =>
  `02:00:00:00:0${end}:${(index & 255).toString(16).padStart(2, '0')}`

/** A route in short: 'local 10.0.0.1/32 dev 10 table 255 src 10.0.0.1'. */
export const routeText = (route: Route): string =>
  [
    { 1: 'unicast', 2: 'local', 3: 'broadcast', 5: 'multicast' }[route.type],
    route.destination,
    ...(route.gateway === undefined ? [] : [`via ${route.gateway}`]),
    `dev ${route.outputIndex} table ${route.table} proto ${route.protocol} scope ${route.scope}`,
    ...(route.preferredSource === undefined ? [] : [`src ${route.preferredSource}`]),
    ...(route.priority === undefined ? [] : [`metric ${route.priority}`]),
  ].join(' ')

/** Waits until something holds, two seconds at most. */
export const until = async (holds: () => boolean): Promise<void> => {
  const deadline = Date.now() + 2000
  while (!holds()) {
    if (Date.now() > deadline) throw new Error('it did not come about within 2 seconds')
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}
