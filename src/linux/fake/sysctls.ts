import { failure } from './errors.ts'
import {
  exceptions,
  ipv4Interface,
  ipv6Interface,
  machineValues,
  namespaceValues,
} from './sysctl-defaults.ts'

const protocols = [
  ['ipv4', ipv4Interface],
  ['ipv6', ipv6Interface],
] as const

/** RFC 8200 section 5, in bytes. */
const smallestMtu6 = 1280

const forwardingOfAll = 'net/ipv4/conf/all/forwarding'

/** Switches of IPv6 whose value in `all` is copied to `default` and to every interface. */
const copiedFromAll = new Set(['forwarding', 'force_forwarding', 'disable_ipv6'])

/**
 * The sysctls of one network namespace, by path below /proc/sys. Theory of operation: `ip_forward` is another name of
 * conf/all/forwarding; turning it writes every interface's own switch, that of `default`, and all.accept_redirects
 * (inet_forward_change of the kernel). A new interface copies `default`; an IPv4 value that is written to `default`
 * also reaches the interfaces where nobody wrote this value and that have no address yet (devinet_copy_dflt_conf).
 */
export class FakeSysctls {
  readonly #values = new Map<string, string>()
  /** IPv4 values of interfaces that no longer follow `default`. */
  readonly #settled = new Set<string>()
  readonly #machine: Map<string, string>

  /** `first` is the namespace the machine booted with: IPv4 takes `all` and `default` from there. */
  constructor(machine: Map<string, string>, first: FakeSysctls | undefined) {
    this.#machine = machine
    for (const [path, value] of Object.entries(namespaceValues)) this.#values.set(path, String(value))
    for (const [protocol, values] of protocols)
      for (const folder of ['all', 'default'])
        for (const [leaf, value] of Object.entries(values)) {
          const path = `net/${protocol}/conf/${folder}/${leaf}`
          const inherited = protocol === 'ipv4' ? first?.read(path) : undefined
          this.#values.set(path, inherited ?? exceptions[path] ?? String(value))
        }
  }

  read(path: string): string | undefined {
    if (path === 'net/ipv4/ip_forward') return this.#values.get(forwardingOfAll)
    return this.#values.get(path) ?? this.#machine.get(path)
  }

  /** Names in a folder, sorted. */
  names(folder: string): string[] {
    const names = new Set<string>()
    for (const path of [...this.#values.keys(), ...this.#machine.keys(), 'net/ipv4/ip_forward'])
      if (path.startsWith(`${folder}/`)) names.add(path.slice(folder.length + 1).split('/')[0] as string)
    return [...names].sort()
  }

  /** Writes a value, with all that the kernel changes along with it. Throws SystemError ENOENT, EINVAL. */
  write(path: string, value: string): void {
    const target = path === 'net/ipv4/ip_forward' ? forwardingOfAll : path
    const before = this.#values.get(target)
    if (before === undefined && this.#machine.has(path)) throw failure('write', 'EINVAL', `/proc/sys/${path}`)
    if (before === undefined) throw failure('open', 'ENOENT', `/proc/sys/${path}`)
    const isNumber = /^-?\d+$/.test(before)
    if (isNumber && !/^\s*-?\d+\s*$/.test(value)) throw failure('write', 'EINVAL', `/proc/sys/${path}`)
    const after = isNumber ? String(Number(value)) : value.trim()
    this.#values.set(target, after)
    const [, protocol, folder, leaf] = /^net\/(ipv[46])\/conf\/([^/]+)\/([^/]+)$/.exec(target) ?? []
    if (folder === undefined || leaf === undefined) return
    if (protocol === 'ipv4') this.#wroteIpv4(folder, leaf, before, after)
    else if (folder === 'all' && copiedFromAll.has(leaf))
      for (const other of this.names('net/ipv6/conf'))
        this.#values.set(`net/ipv6/conf/${other}/${leaf}`, after)
  }

  #wroteIpv4(folder: string, leaf: string, before: string, after: string): void {
    const others = this.names('net/ipv4/conf').filter(name => name !== 'all' && name !== folder)
    if (leaf === 'forwarding') {
      if (folder !== 'all' || before === after) return
      for (const other of others) this.#values.set(`net/ipv4/conf/${other}/forwarding`, after)
      this.#values.set('net/ipv4/conf/all/accept_redirects', after === '0' ? '1' : '0')
      return
    }
    this.#settled.add(`${folder}/${leaf}`)
    if (folder !== 'default') return
    for (const other of others)
      if (!this.#settled.has(`${other}/${leaf}`)) this.#values.set(`net/ipv4/conf/${other}/${leaf}`, after)
  }

  /** The interface has an address: from now on it does not follow `default`. */
  settle(name: string): void {
    for (const leaf of Object.keys(ipv4Interface)) this.#settled.add(`${name}/${leaf}`)
  }

  addInterface(name: string, mtu: number): void {
    for (const [protocol, values] of protocols) {
      if (protocol === 'ipv6' && mtu < smallestMtu6) continue
      for (const leaf of Object.keys(values)) {
        const path = `net/${protocol}/conf/${name}/${leaf}`
        const value = exceptions[path] ?? this.#values.get(`net/${protocol}/conf/default/${leaf}`) ?? '0'
        this.#values.set(path, value)
        if (protocol === 'ipv4' && this.#settled.has(`default/${leaf}`)) this.#settled.add(`${name}/${leaf}`)
      }
    }
    this.changeMtu(name, mtu)
  }

  /** A link with a smaller MTU than IPv6 needs has no IPv6: its folder comes and goes with the MTU. */
  changeMtu(name: string, mtu: number): void {
    for (const [leaf, value] of Object.entries(ipv6Interface)) {
      const path = `net/ipv6/conf/${name}/${leaf}`
      if (mtu < smallestMtu6) this.#values.delete(path)
      else if (!this.#values.has(path))
        this.#values.set(path, this.#values.get(`net/ipv6/conf/default/${leaf}`) ?? String(value))
    }
    if (mtu >= smallestMtu6) this.#values.set(`net/ipv6/conf/${name}/mtu`, String(mtu))
  }

  removeInterface(name: string): void {
    for (const [protocol, values] of protocols)
      for (const leaf of Object.keys(values)) {
        this.#values.delete(`net/${protocol}/conf/${name}/${leaf}`)
        this.#settled.delete(`${name}/${leaf}`)
      }
  }

  /** All values of the namespace, sorted by path. */
  entries(): [string, string][] {
    return [...this.#values].sort(([one], [other]) => (one < other ? -1 : 1))
  }
}

export const newMachineSysctls = (): Map<string, string> =>
  new Map(Object.entries(machineValues).map(([path, value]) => [path, String(value)]))
