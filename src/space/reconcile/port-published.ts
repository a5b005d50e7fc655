import { isLinkLocal, isLoopback } from '../../linux/net/ip.ts'
import type { PortRange } from '../../linux/net/port.ts'
import type { Table } from '../../linux/nftables/index.ts'
import { portsSpokenOf } from '../adopt/candidate-ports.ts'
import { NatspaceError } from '../errors.ts'
import {
  type LegacyLead,
  type LegacyNat,
  ledByLegacy,
  legacyNat,
  legacyPorts,
} from '../firewall/legacy-nat.ts'
import type { Owner } from '../firewall/owner.ts'
import { type PublishedByOther, publishedByOthers } from '../firewall/published-by-others.ts'
import { spaceOfAlias, tableName } from '../marks.ts'
import { boundAddress, formatPublish, isPublishedIn } from '../spec/publish.ts'
import { printable } from '../spec/quote.ts'
import type { Publish, ResolvedSpace } from '../spec/types.ts'
import { uplinkOfFamily } from './facts.ts'
import type { Observation } from './observation.ts'

/**
 * Theory of operation. Of two NAT rules for one port the chain with the lower priority wins, and the other publishes
 * nothing, without a word. Ports that are new in a spec are put to the rules of others, for every address of the host
 * that they are for; one that somebody leads elsewhere, whoever asks, is taken. Rules are read only of tables that have
 * a NAT chain where destinations are translated, so on a host without one this costs nothing. Of a long range those
 * ports are asked about that the rules speak of: between two of them all fare alike.
 */

type Publisher = Pick<ResolvedSpace, 'name' | 'publish' | 'ipv6' | 'uplink'>

/** So many ports of a range are asked about one by one. */
const mostPorts = 256

/**
 * Refuses to publish a port that another tool publishes. `previous` is what each space was so far. Throws NatspaceError
 * PORT_TAKEN (exit 2) with the owner's name.
 */
export const checkPublishedByOthers = (
  seen: Observation,
  spaces: readonly Publisher[],
  previous: ReadonlyMap<string, Pick<Publisher, 'publish'>>,
): void => {
  for (const space of spaces) {
    const kept = new Set(previous.get(space.name)?.publish.map(formatPublish))
    for (const publish of space.publish) {
      if (kept.has(formatPublish(publish))) continue
      const tables = natTables(seen)
      const legacy = legacyNat(seen)
      if (tables.length === 0 && Object.keys(legacy).length === 0) return
      const taker = takerOf(seen, tables, legacy, space, publish)
      if (taker !== undefined) throw portPublished(space, publish, taker)
    }
  }
}

/** Tables of others with a base chain that may lead a port elsewhere; lists of addresses can be very long and are left out. */
const natTables = (seen: Observation): Table[] =>
  seen
    .ruleset({ only: 'chains' })
    .tables.filter(
      ({ family, name, chains }) =>
        (family === 'inet' || family === 'ip' || family === 'ip6') &&
        name !== tableName &&
        chains.some(({ hook, type }) => type === 'nat' && (hook === 'prerouting' || hook === 'output')),
    )
    .flatMap(
      ({ family, name }) => seen.ruleset({ family, table: name, elements: 'without-addresses' }).tables,
    )

/** Who has it: somebody's rule, in words. */
type Taker = { address: string; port: number; owner: Owner; to: string; evidence: string; remedy: string }

/** Who surely leads a port of the range elsewhere, and at which address. */
const takerOf = (
  seen: Observation,
  tables: Table[],
  legacy: LegacyNat,
  { ipv6, uplink: asked }: Publisher,
  publish: Publish,
): Taker | undefined => {
  const ruleset = { generation: 0, tables }
  const { protocol, hostPort } = publish
  const bound = boundAddress(publish)
  const all = bound === undefined ? [...hostAddresses(seen, ipv6 !== undefined)] : [bound]
  const addresses = all.filter(address => isPublishedIn(address.includes(':') ? 6 : 4, publish))
  for (const port of portsToAsk(tables, legacy, hostPort)) {
    const wantedIn = (family: 4 | 6) => {
      const uplink = asked ?? uplinkOfFamily(seen, family)
      return { family, protocol, port, ...(uplink === undefined ? {} : { uplink }) }
    }
    // A port that no rule may lead elsewhere, whatever its address, is not asked about address by address.
    const families = ([4, 6] as const).filter(
      family => legacy[family] !== undefined || publishedByOthers(ruleset, wantedIn(family)).length > 0,
    )
    for (const address of addresses) {
      const family = address.includes(':') ? 6 : 4
      if (!families.includes(family)) continue
      const wanted = { ...wantedIn(family), address }
      // Nobody outside can ask for an address of the loopback.
      const counts = (hook: 'prerouting' | 'output') => hook === 'output' || !isLoopback(address)
      const rule = publishedByOthers(ruleset, wanted).find(({ certain, hook }) => certain && counts(hook))
      if (rule !== undefined) return { address, port, ...takenByRule(port, rule) }
      const lead = ledByLegacy(legacy, wanted)
      if (lead !== undefined && counts(lead.hook)) return { address, port, ...takenByLegacy(lead) }
    }
  }
  return undefined
}

const portsToAsk = (tables: readonly Table[], legacy: LegacyNat, range: PortRange): number[] => {
  const { first, last } = range
  const near = Array.from({ length: Math.min(last - first + 1, mostPorts) }, (_, offset) => first + offset)
  if (last - first < mostPorts) return near
  const others = [...portsSpokenOf(tables, range), ...legacyPorts(legacy)]
  return [...new Set([...near, ...others.filter(port => port >= first && port <= last)])]
}

const takenByRule = (
  port: number,
  { by, owner, text, target, hook }: PublishedByOther,
): Omit<Taker, 'address' | 'port'> => ({
  owner,
  to:
    target.kind === 'redirect'
      ? `port ${target.port ?? port} of this host`
      : `${bracketed(target.address ?? 'another address')}:${target.port ?? port}`,
  evidence: `chain ${by.family} ${by.table} ${by.chain} (${hook}): ${text}`,
  remedy: remedies[owner.program] ?? `nft -a list chain ${by.family} ${by.table} ${by.chain}`,
})

const takenByLegacy = ({ owner, target, command }: LegacyLead): Omit<Taker, 'address' | 'port'> => ({
  owner,
  to: target === '' ? 'another address' : target,
  evidence: command,
  remedy: remedies[owner.program] ?? `${command.slice(0, command.indexOf(' -A '))} -S`,
})

const bracketed = (ip: string): string => (ip.includes(':') ? `[${ip}]` : ip)

/** The host's addresses, each once, without those of our cables, and those that mean nothing beyond a link. */
const hostAddresses = (seen: Observation, withIpv6: boolean): Set<string> =>
  new Set(
    [...seen.links(undefined).values()]
      .filter(link => spaceOfAlias(link.alias) === undefined)
      .flatMap(link => seen.addresses(undefined).get(link.index) ?? [])
      .filter(({ family, address }) => (family === 4 || withIpv6) && !isLinkLocal(address))
      .map(({ address }) => address),
  )

const portPublished = (
  { name }: Publisher,
  publish: Publish,
  { address, port, owner, to, evidence, remedy }: Taker,
): NatspaceError =>
  new NatspaceError({
    code: 'PORT_TAKEN',
    exit: 2,
    what: `cannot publish ${formatPublish(publish)} for ${name}`,
    why: `a rule of ${printable(owner.name)} leads ${bracketed(address)}:${port}/${publish.protocol} to ${printable(to)} already`,
    evidence: [printable(evidence)],
    fix: ['choose another port of the host', `or take it away there: ${printable(remedy)}`],
  })

/** How a person finds what publishes the port. */
const remedies: Readonly<Record<string, string>> = {
  docker: 'docker ps shows the container',
  netavark: 'podman ps shows the container',
  'kube-proxy': 'kubectl get services -A shows the service',
  firewalld: 'firewall-cmd --list-forward-ports',
}
