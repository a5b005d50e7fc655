import * as loaded from './chains.ts'

// Bun has `require` in every module; under Node it is only parsed.
declare const require: (name: string) => unknown

/**
 * Theory of operation. All spaces share one table with a constant number of rules. A space is a member of sets, by the
 * host end of its cable or by its inside addresses; what a membership means is in the rules:
 *
 * - `spaces`: the host ends of all cables. `source4`, `source6`: which address may come out of which cable;
 *   `inside4`, `inside6`: all addresses of cables.
 * - `siblings`: whom the containers of one network may reach; `accepted4`, `accepted6`: who outside may begin connections
 *   to an inside address; `untranslated4`, `untranslated6`: who outside sees it.
 * - `outbound4`, `outbound6`: whose address is translated when it leaves; `snat4`, `snat6`: into a chosen one.
 * - `publish…`: ports of the host, and where they lead; `hairpin`: cables whose space may come back to itself that way;
 *   `claimed…`, `listened`: ports that no translation may choose as a source.
 * - `behind4`, `behind6`: inside addresses whose cable is another's, each with the link that leads there.
 * - `free`, `internal`, `pinned` with `via`, `limited` with `egress4`, `egress6` and `rejected`, `connected`, `metadata`: what a
 *   space may reach beyond; `host_all`, `host_none`: what of this host.
 * - `preexisting4`, `preexisting6`: links that are not routed between where it was natspace that turned forwarding on,
 *   but for those that forwarded before by a switch of their own (`forwarding4`, `forwarding6`), and `bridges`.
 *
 * Every base chain accepts by policy, so that nobody else's packets fare differently. The NAT chains come after those of
 * others (dstnat + 10, srcnat + 10), so that an administrator's rules win. The guard sits at raw, before anything is
 * translated: what is addressed to the inside there was not published. What is not plainly allowed falls through to a
 * refusal: a test that cannot be made (a fragment without ports, a packet without a connection) allows nothing.
 */

/** A set or map of the table. `constant`: the elements that it always has. */
export type SetDefinition = {
  name: string
  key: string[]
  data?: string[]
  interval?: true
  /** Each element counts the packets that it matched. */
  counter?: true
  constant?: readonly (string | { first: string; last: string })[]
}

const endpoint4 = ['ipv4_addr', 'inet_service']
const endpoint6 = ['ipv6_addr', 'inet_service']
const port = ['inet_proto', 'inet_service']

/**
 * Where clouds answer questions about the machine, credentials among the answers: the link-local range of IPv4, which
 * no router should forward anyway (RFC 3927, section 2.7), and what providers took beside it.
 */
const metadataServices4 = [
  { first: '169.254.0.0', last: '169.254.255.255' },
  '100.100.100.200',
  '192.0.0.192',
  '168.63.129.16',
]
const metadataServices6 = [
  'fd00:ec2::23',
  'fd00:ec2::254',
  'fd20:ce::254',
  'fd00:42::42',
  'fd00:c1::a9fe:a9fe',
  'fd00:100::100:200',
  'fd00:a9fe:a9fe::1',
  // The link-local range by way of a translator (RFC 6052, section 2.1).
  { first: '64:ff9b::a9fe:0', last: '64:ff9b::a9fe:ffff' },
]

/** The sets and maps. */
export const setDefinitions: readonly SetDefinition[] = [
  { name: 'spaces', key: ['ifname'] },
  { name: 'source4', key: ['ifname', 'ipv4_addr'] },
  { name: 'source6', key: ['ifname', 'ipv6_addr'] },
  { name: 'inside4', key: ['ipv4_addr'] },
  { name: 'inside6', key: ['ipv6_addr'] },
  { name: 'free', key: ['ifname'] },
  { name: 'internal', key: ['ifname'] },
  { name: 'connected', key: ['ifname', 'ifname'] },
  { name: 'siblings', key: ['ifname', 'devgroup'] },
  { name: 'accepted4', key: ['ipv4_addr', 'ipv4_addr'], interval: true },
  { name: 'accepted6', key: ['ipv6_addr', 'ipv6_addr'], interval: true },
  { name: 'pinned', key: ['ifname'] },
  { name: 'via', key: ['ifname', 'ifname'] },
  { name: 'limited', key: ['ifname'] },
  { name: 'egress4', key: ['ifname', 'ipv4_addr', ...port], interval: true },
  { name: 'egress6', key: ['ifname', 'ipv6_addr', ...port], interval: true },
  { name: 'rejected', key: ['ifname'], counter: true },
  { name: 'metadata', key: ['ifname'] },
  { name: 'metadata4', key: ['ipv4_addr'], interval: true, constant: metadataServices4 },
  { name: 'metadata6', key: ['ipv6_addr'], interval: true, constant: metadataServices6 },
  { name: 'host_all', key: ['ifname'] },
  { name: 'host_none', key: ['ifname'] },
  { name: 'preexisting4', key: ['ifname'] },
  { name: 'preexisting6', key: ['ifname'] },
  { name: 'forwarding4', key: ['ifname'] },
  { name: 'forwarding6', key: ['ifname'] },
  { name: 'bridges', key: ['ifname', 'ifname'] },
  { name: 'outbound4', key: ['ipv4_addr'] },
  { name: 'outbound6', key: ['ipv6_addr'] },
  { name: 'untranslated4', key: ['ipv4_addr', 'ipv4_addr'], interval: true },
  { name: 'untranslated6', key: ['ipv6_addr', 'ipv6_addr'], interval: true },
  { name: 'snat4', key: ['ipv4_addr'], data: ['ipv4_addr'] },
  { name: 'snat6', key: ['ipv6_addr'], data: ['ipv6_addr'] },
  { name: 'hairpin', key: ['ifname', 'ifname'] },
  { name: 'behind4', key: ['ifname', 'ipv4_addr'] },
  { name: 'behind6', key: ['ifname', 'ipv6_addr'] },
  { name: 'claimed', key: port, interval: true },
  { name: 'claimed4', key: ['ipv4_addr', ...port], interval: true },
  { name: 'claimed6', key: ['ipv6_addr', ...port], interval: true },
  { name: 'listened', key: port },
  { name: 'publish4', key: port, data: endpoint4 },
  { name: 'publish4_at', key: ['ipv4_addr', ...port], data: endpoint4 },
  { name: 'publish4_range', key: port, data: ['ipv4_addr'], interval: true },
  { name: 'publish4_range_at', key: ['ipv4_addr', ...port], data: ['ipv4_addr'], interval: true },
  { name: 'publish6', key: port, data: endpoint6 },
  { name: 'publish6_at', key: ['ipv6_addr', ...port], data: endpoint6 },
  { name: 'publish6_range', key: port, data: ['ipv6_addr'], interval: true },
  { name: 'publish6_range_at', key: ['ipv6_addr', ...port], data: ['ipv6_addr'], interval: true },
]

let chains: readonly loaded.ChainDefinition[] | undefined

/**
 * The chains, those that are only jumped to first: a rule can name only what is there. To write down a hundred rules takes
 * a millisecond, and most runs need no more of them than table-outline.ts and table-bytes.ts say; so both the rules and the
 * file that they are in wait until they are asked for (in the executable; see late.ts of nftables).
 */
export const chainDefinitions = (): readonly loaded.ChainDefinition[] => {
  chains ??= definitions().chainDefinitions(name => {
    const { data } = setDefinitions.find(item => item.name === name) as SetDefinition
    return { name, ...(data === undefined ? {} : { data }) }
  })
  return chains
}

const definitions = (): typeof loaded =>
  process.versions.bun === undefined ? loaded : (require('./chains') as typeof loaded)
