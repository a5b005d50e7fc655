import { insideNamespace, openNamespace } from '../../src/linux/sys/namespace.ts'
import { ask } from './process.ts'

/**
 * A host beside that of the harness, as host1 of the reference experiment is: a namespace with a way out. Programs that
 * are started in `run` belong to it. So two tools can be timed in turn, each among hundreds of its own kind.
 */
export class SubHost implements Disposable {
  readonly #names: readonly [string, string]

  constructor(name: string) {
    const outside = `${name}-outside`
    this.#names = [name, outside]
    const script = `set -e
      ip netns add ${name}
      ip netns add ${outside}
      ip -n ${name} link set lo up
      ip -n ${name} link add eth0 type veth peer name eth0 netns ${outside}
      ip -n ${name} address add 192.168.1.32/24 dev eth0
      ip -n ${name} link set eth0 up
      ip -n ${outside} address add 192.168.1.1/24 dev eth0
      ip -n ${outside} link set eth0 up
      ip -n ${name} route add default via 192.168.1.1`
    ask('sh', '-c', script)
  }

  /** Runs `section`, which starts programs and waits for them, on this host. */
  run<T>(section: () => T): T {
    using namespace = openNamespace(`/run/netns/${this.#names[0]}`)
    return insideNamespace(namespace.number, section)
  }

  [Symbol.dispose](): void {
    for (const name of this.#names) ask('ip', 'netns', 'delete', name)
  }
}
