/** What the form asks for, as the server takes it. */

export const protocols = ['icmp', 'tcp', 'udp'] as const
export type ProbeProtocol = (typeof protocols)[number]

export type TargetFields = { host: string; protocol: ProbeProtocol; port: string }

export type TargetProblem = 'no-host' | 'bad-host' | 'no-port' | 'bad-port'

/**
 * HOST[:PORT]/PROTOCOL of the fields, or what is wrong with them. A host is an address or a name; whether it exists is not
 * asked here. Pure.
 */
export const targetOf = ({
  host,
  protocol,
  port,
}: TargetFields): { to: string } | { problem: TargetProblem } => {
  const address = host.trim().replace(/^\[(.*)\]$/, '$1')
  if (address === '') return { problem: 'no-host' }
  if (!/^[\w.:%-]+$/.test(address)) return { problem: 'bad-host' }
  const isIpv6 = address.includes(':')
  if (protocol === 'icmp') return { to: `${isIpv6 ? `[${address}]` : address}/icmp` }
  const number = port.trim()
  if (number === '') return { problem: 'no-port' }
  if (!/^\d{1,5}$/.test(number) || Number(number) < 1 || Number(number) > 65535)
    return { problem: 'bad-port' }
  return { to: `${isIpv6 ? `[${address}]` : address}:${Number(number)}/${protocol}` }
}

/** What somebody pasted, taken apart: `192.168.1.15:80/tcp`, `[2001:db8::1]:53/udp`. Undefined when it is a host alone. */
export const fieldsOf = (pasted: string): Partial<TargetFields> | undefined => {
  const found = /^\[?([^\]/\s]+?)\]?(?::(\d{1,5}))?(?:\/(tcp|udp|icmp))?$/.exec(pasted.trim())
  const [, host, port, protocol] = found ?? []
  if (host === undefined || (port === undefined && protocol === undefined)) return undefined
  // Without brackets the last group of an IPv6 address would be a port.
  if (host.includes(':') && !pasted.includes(']')) return undefined
  const known = protocols.find(item => item === protocol) ?? 'tcp'
  return { host, protocol: known, ...(port === undefined ? {} : { port }) }
}
