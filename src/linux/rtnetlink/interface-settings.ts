/**
 * The settings of an interface below /proc/sys/net/ipv4/conf and ipv6/conf, as the kernel tells them beside each link of a
 * list (IFLA_AF_SPEC): a thousand cables have eight thousand of them, and none has to be opened as a file.
 */

import { littleEndian } from '../netlink/writer.ts'

type Protocol = 'ipv4' | 'ipv6'

const AF_INET = 2
const AF_INET6 = 10

/** IFLA_INET_CONF: an array of u32, IPV4_DEVCONF_FORWARDING (1) first (linux/ip.h). */
const ipv4Places = {
  forwarding: 0,
  accept_redirects: 3,
  send_redirects: 5,
  rp_filter: 7,
  accept_source_route: 8,
  arp_notify: 21,
  accept_local: 22,
  route_localnet: 25,
} as const

/** IFLA_INET6_CONF: an array of s32, DEVCONF_FORWARDING (0) first (linux/ipv6.h). */
const ipv6Places = {
  forwarding: 0,
  accept_ra: 3,
  accept_redirects: 4,
  autoconf: 5,
  use_tempaddr: 10,
  proxy_ndp: 22,
  disable_ipv6: 26,
  accept_dad: 27,
  ndisc_notify: 29,
  addr_gen_mode: 47,
} as const

const forms = [
  { family: AF_INET, attribute: 1, protocol: 'ipv4', places: ipv4Places },
  { family: AF_INET6, attribute: 2, protocol: 'ipv6', places: ipv6Places },
] as const

/** Settings that are told beside a link, by protocol: for tests. */
export const toldSettings: Readonly<Record<Protocol, readonly string[]>> = {
  ipv4: Object.keys(ipv4Places),
  ipv6: Object.keys(ipv6Places),
}

type InterfaceSettings = Partial<Record<Protocol, DataView>>

/** The settings in the bytes of an IFLA_AF_SPEC; what has another form is left out. */
const readSettings = (spec: Uint8Array): InterfaceSettings => {
  const settings: InterfaceSettings = {}
  for (const [family, value] of attributesIn(spec)) {
    const form = forms.find(item => item.family === family)
    if (form === undefined) continue
    for (const [type, { buffer, byteOffset, byteLength }] of attributesIn(value))
      if (type === form.attribute) settings[form.protocol] = new DataView(buffer, byteOffset, byteLength)
  }
  return settings
}

/** The type and the value of each attribute, as far as they are whole (struct nlattr). */
function* attributesIn(bytes: Uint8Array): Generator<[type: number, value: Uint8Array]> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = view.getUint16(at, littleEndian)
    if (length < 4 || at + length > bytes.length) return
    yield [view.getUint16(at + 2, littleEndian) & 0x3fff, bytes.subarray(at + 4, at + length)]
    at += (length + 3) & ~3
  }
}

const byLink = new WeakMap<object, Uint8Array | InterfaceSettings>()

/** Notes the settings of a link, a copy of its IFLA_AF_SPEC; they stand beside it and are read when asked for, as few are. */
export const noteSettings = (link: object, spec: Uint8Array): void => {
  byLink.set(link, spec)
}

const settingsOf = (link: object): InterfaceSettings | undefined => {
  const noted = byLink.get(link)
  if (!(noted instanceof Uint8Array)) return noted
  const settings = readSettings(noted)
  byLink.set(link, settings)
  return settings
}

/** By hand and not by an expression, as this is asked for each setting of each cable. */
const prefixLength = 'net.ipv4.conf.'.length
const protocolOf = (key: string): Protocol | undefined => {
  if (key.startsWith('net.ipv4.conf.')) return 'ipv4'
  return key.startsWith('net.ipv6.conf.') ? 'ipv6' : undefined
}

/** The interface that a key such as net.ipv4.conf.eth0/100.rp_filter is about; undefined for other keys. */
export const interfaceOfKey = (key: string): string | undefined => {
  const end = key.lastIndexOf('.')
  if (protocolOf(key) === undefined || end <= prefixLength) return undefined
  const name = key.slice(prefixLength, end)
  return name.includes('/') ? name.replaceAll('/', '.') : name
}

/**
 * The value of an interface's sysctl as its link told it, as the file has it; undefined where it was not told, which does
 * not mean that there is none. Equivalent to: `sysctl -n KEY`
 */
export const toldSetting = (key: string, link: object): string | undefined => {
  const protocol = protocolOf(key)
  if (protocol === undefined) return undefined
  const leaf = key.slice(key.lastIndexOf('.') + 1)
  const places: Readonly<Record<string, number>> = protocol === 'ipv4' ? ipv4Places : ipv6Places
  const place = Object.hasOwn(places, leaf) ? places[leaf] : undefined
  const values = place === undefined ? undefined : settingsOf(link)?.[protocol]
  if (place === undefined || values === undefined || values.byteLength < 4 * (place + 1)) return undefined
  return String(values.getInt32(4 * place, littleEndian))
}
