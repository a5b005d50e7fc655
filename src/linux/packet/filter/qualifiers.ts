import type { Direction, NetworkProtocol, TransportProtocol } from './expression.ts'

/** What a value is asked for: `tcp src port`. */
export type Qualifiers = {
  protocol: NetworkProtocol | TransportProtocol | 'ether' | undefined
  direction: Direction | undefined
  kind: 'host' | 'net' | 'port' | 'portrange' | 'proto'
}

const network: readonly string[] = ['ip', 'ip6', 'arp', 'rarp'] satisfies NetworkProtocol[]
const transport: readonly string[] = ['tcp', 'udp', 'icmp', 'icmp6', 'sctp'] satisfies TransportProtocol[]
/** What a value can be asked for as. */
export const kinds = ['host', 'net', 'port', 'portrange', 'proto'] as const
export const isNetwork = (text: string | undefined): text is NetworkProtocol => network.includes(text ?? '')
export const isTransport = (text: string | undefined): text is TransportProtocol =>
  transport.includes(text ?? '')

/** Whether a word begins a primitive, and so is no value that inherits the keywords of the one before. */
export const isKeyword = (text: string): boolean =>
  isNetwork(text) ||
  isTransport(text) ||
  (kinds as readonly string[]).includes(text) ||
  ['ether', 'src', 'dst', 'less', 'greater'].includes(text)
