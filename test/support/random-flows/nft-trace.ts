/** What `nft -a monitor trace` prints, as packets. */
import { packetOf } from './pcap.ts'

/** As nft writes them. */
export const protocolNames: Record<number, string> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'ipv6-icmp' }

/** A packet as nft prints it when it comes to a base chain. */
export type NftHeader = {
  input?: string
  output?: string
  source: string
  destination: string
  protocol: string
  sourcePort?: number
  destinationPort?: number
  icmpType?: string
  id?: number
  ttl: number
  mark: number
}

export type NftRule = { chain: string; handle: number; verdict: string; target?: string }

/** A way through a base chain and those that it jumps to. */
export type NftVisit = {
  family: string
  table: string
  chain: string
  header: NftHeader
  rules: NftRule[]
  /** `policy accept`, or the verdict of the last rule: drop, accept, queue. Undefined when no end was printed. */
  end: string | undefined
}

/**
 * A packet in one namespace. `tracer` is the table that marked it, `header` how it was then; `last` how it was when it was
 * seen last, and where; `isEnded`: it has passed the last hook of its way, which is `input` or `postrouting`.
 */
export type NftPacket = {
  id: string
  tracer: string
  header: NftHeader
  visits: NftVisit[]
  hooks: string[]
  last: NftHeader
  /** The mark that it had when it left prerouting. */
  routedMark: number
  isEnded: boolean
}

const ownTable = /^natspace-trace-/

/** The packets of a text, in order; those that natspace's tracing tables marked. */
export const nftPacketsOf = (text: string): NftPacket[] => {
  const packets: NftPacket[] = []
  const latest = new Map<string, NftPacket>()
  for (const line of text.split('\n')) {
    const [, id = '', family = '', table = '', chain = '', rest = ''] =
      /^trace id (\w+) (\w+) (\S+) (\S+) (.*)$/.exec(line) ?? []
    if (id === '') continue
    if (ownTable.test(table)) {
      takeOwn(packets, latest, { id, table, chain }, rest)
      continue
    }
    const packet = latest.get(id)
    if (packet === undefined) continue
    take(packet, { family, table, chain }, rest)
  }
  return packets
}

/** What the tracing table itself says: where a packet was marked, and which hooks it came to and left. */
const takeOwn = (
  packets: NftPacket[],
  latest: Map<string, NftPacket>,
  { id, table, chain }: { id: string; table: string; chain: string },
  rest: string,
): void => {
  const header = rest.startsWith('packet: ') ? headerOf(rest) : undefined
  if ((chain === 'traced' || chain === 'recognised') && header !== undefined) {
    const hook = header.input === undefined ? 'output' : 'prerouting'
    const packet = {
      id,
      tracer: table,
      header,
      visits: [],
      hooks: [hook],
      last: header,
      routedMark: 0,
      isEnded: false,
    }
    latest.set(id, packet)
    packets.push(packet)
    return
  }
  const open = latest.get(id)
  const [, hook = '', end] = /^(\w+)-(first|last)$/.exec(chain) ?? []
  if (open === undefined || end === undefined) return
  if (header !== undefined) open.last = header
  if (!open.hooks.includes(hook)) open.hooks.push(hook)
  if (chain === 'prerouting-last') open.routedMark = Number(/ meta mark (0x\w+)/.exec(rest)?.[1] ?? 0)
  if (end === 'last' && (hook === 'input' || hook === 'postrouting') && rest.startsWith('policy'))
    open.isEnded = true
}

const take = (packet: NftPacket, name: Pick<NftVisit, 'family' | 'table' | 'chain'>, rest: string): void => {
  if (rest.startsWith('packet: ')) {
    packet.visits.push({ ...name, header: headerOf(rest), rules: [], end: undefined })
    return
  }
  const visit = packet.visits.at(-1)
  if (visit === undefined) return
  const policy = /^policy (\w+)/.exec(rest)?.[1]
  if (policy !== undefined) visit.end = `policy ${policy}`
  const [, cached, missing, verdict, target] =
    /^(?:rule .*# handle (\d+)|unknown rule handle (\d+)) \(verdict (\S+?)(?: (?:to )?(\S+))?\)/.exec(rest) ??
    []
  if (verdict === undefined) return
  visit.rules.push({
    chain: name.chain,
    handle: Number(cached ?? missing),
    verdict,
    ...(target === undefined ? {} : { target }),
  })
  if (['accept', 'drop', 'queue', 'stolen'].includes(verdict)) visit.end = verdict
}

/** At a link itself nft prints bytes: of the network header, and of what is behind it. */
const rawHeaderOf = (text: string): NftHeader | undefined => {
  const bytes = (place: string) => {
    const [, bits = '0', hex = ''] = new RegExp(` @${place},\\d+,(\\d+) 0x([0-9a-f]+)`).exec(text) ?? []
    // As a number: without the zeros in front.
    return hex.padStart(Number(bits) / 4, '0')
  }
  const packet = text.includes(' @nh,') ? packetOf(Buffer.from(bytes('nh') + bytes('th'), 'hex')) : undefined
  if (packet === undefined) return undefined
  const { icmpType, protocol, quoted: _quoted, ...ends } = packet
  return {
    ...ends,
    protocol: protocolNames[protocol] ?? `${protocol}`,
    ...(icmpType === undefined ? {} : { icmpType: `${icmpType}` }),
  }
}

const headerOf = (text: string): NftHeader => {
  const raw = rawHeaderOf(text)
  if (raw !== undefined) return raw
  const field = (pattern: RegExp): string | undefined => pattern.exec(text)?.[1]
  const number = (pattern: RegExp): number | undefined => {
    const found = field(pattern)
    return found === undefined ? undefined : Number(found)
  }
  const [input, output] = [field(/\biif "([^"]+)"/), field(/\boif "([^"]+)"/)]
  const sourcePort = number(/ (?:tcp|udp) sport (\d+)/)
  const destinationPort = number(/ (?:tcp|udp) dport (\d+)/)
  const icmpType = field(/ icmp(?:v6)? type (\S+)/)
  // Of ICMPv6 nft reads the identifier and the sequence as one number, by the name of another message's.
  const both = number(/ icmpv6 type echo-\w+ .*?icmpv6 (?:parameter-problem|packet-too-big) (\d+)/)
  const id = number(/ icmp type echo-\w+ .*?icmp id (\d+)/) ?? (both === undefined ? undefined : both >>> 16)
  return {
    ...(input === undefined ? {} : { input }),
    ...(output === undefined ? {} : { output }),
    source: field(/ ip6? saddr (\S+)/) ?? '',
    destination: field(/ ip6? daddr (\S+)/) ?? '',
    protocol: field(/ ip protocol (\S+)/) ?? field(/ ip6 nexthdr (\S+)/) ?? '',
    ...(sourcePort === undefined ? {} : { sourcePort }),
    ...(destinationPort === undefined ? {} : { destinationPort }),
    ...(icmpType === undefined ? {} : { icmpType }),
    ...(id === undefined ? {} : { id }),
    ttl: number(/ ip ttl (\d+)/) ?? number(/ ip6 hoplimit (\d+)/) ?? 0,
    mark: number(/ ip id (\d+)/) ?? number(/ ip6 flowlabel (\d+)/) ?? 0,
  }
}

/** The texts of all rules as `nft -a list ruleset` prints them, by family, table, chain and handle. */
export const ruleTexts = (listing: string): Map<string, string> => {
  const texts = new Map<string, string>()
  let [table, chain] = ['', '']
  for (const line of listing.split('\n')) {
    table = /^table (\S+ \S+) \{/.exec(line)?.[1] ?? table
    chain = /^\tchain (\S+) \{/.exec(line)?.[1] ?? chain
    const [, text, handle] = /^\t\t(.*) # handle (\d+)$/.exec(line) ?? []
    if (text !== undefined)
      texts.set(`${table} ${chain} ${handle}`, text.replace(/ ?\bcounter packets \d+ bytes \d+/, '').trim())
  }
  return texts
}
