/** What `conntrack -E` prints, as pairs of tuples. */
import type { Ends } from './pcap.ts'

/** A connection when it began: its tuple, and that of its answers. */
export type Tracked = { original: Ends; reply: Ends }

const protocols: Record<string, number> = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 }

/** The connections that began, in order. */
export const trackedOf = (text: string): Tracked[] =>
  text.split('\n').flatMap((line): Tracked[] => {
    const [, name = ''] = /^\s*\[NEW\] (?:ipv[46]\s+\d+\s+)?(\S+)/.exec(line) ?? []
    const protocol = protocols[name]
    if (protocol === undefined) return []
    const [first, second] = line.split(/(?=\bsrc=)/).slice(1)
    return first === undefined || second === undefined
      ? []
      : [{ original: endsIn(first, protocol), reply: endsIn(second, protocol) }]
  })

const endsIn = (text: string, protocol: number): Ends => {
  const field = (name: string) => new RegExp(`\\b${name}=(\\S+)`).exec(text)?.[1]
  const number = (name: string) => {
    const found = field(name)
    return found === undefined ? undefined : Number(found)
  }
  const [sourcePort, destinationPort, id] = [number('sport'), number('dport'), number('id')]
  return {
    source: field('src') ?? '',
    destination: field('dst') ?? '',
    protocol,
    ...(sourcePort === undefined ? {} : { sourcePort }),
    ...(destinationPort === undefined ? {} : { destinationPort }),
    ...(id === undefined ? {} : { id }),
  }
}
