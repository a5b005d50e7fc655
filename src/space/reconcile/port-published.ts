import { isLinkLocal, isLoopback } from '../../linux/net/ip.ts'
import type { Table } from '../../linux/nftables/index.ts'
import { NatspaceError } from '../errors.ts'
import { type PublishedByOther, publishedByOthers } from '../firewall/published-by-others.ts'
import { spaceOfAlias, tableName } from '../marks.ts'
import { formatPublish } from '../spec/publish.ts'
import { printable } from '../spec/quote.ts'
import type { Publish, ResolvedSpace } from '../spec/types.ts'
import { defaultUplink } from './facts.ts'
import type { Observation } from './observation.ts'

/**
 * Theory of operation. Of two NAT rules for one port the chain with the lower priority wins, and the other publishes
 * nothing, without a word. Ports that are new in a spec are put to the rules of others, for every address of the host
 * that they are for; one that somebody leads elsewhere, whoever asks, is taken. Rules are read only of tables that have
 * a NAT chain where destinations are translated, so on a host without one this costs nothing.
 */

type Publisher = Pick<ResolvedSpace, 'name' | 'publish' | 'ipv6' | 'uplink'>

/** Ports of one range that are asked for. A range this long is hardly somebody else's by accident of its end. */
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
      if (tables.length === 0) return
      const taker = takerOf(seen, tables, space, publish)
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

type Taker = { address: string; port: number; by: PublishedByOther }

/** Who surely leads a port of the range elsewhere, and at which address. */
const takerOf = (
  seen: Observation,
  tables: Table[],
  { ipv6, uplink = defaultUplink(seen) }: Publisher,
  { protocol, hostAddress, hostPort }: Publish,
): Taker | undefined => {
  const ruleset = { generation: 0, tables }
  const addresses = hostAddress === undefined ? hostAddresses(seen, ipv6 !== undefined) : [hostAddress]
  const last = Math.min(hostPort.last, hostPort.first + mostPorts - 1)
  for (let port = hostPort.first; port <= last; port++) {
    const wantedIn = (family: 4 | 6) => ({
      ...{ family, protocol, port },
      ...(uplink === undefined ? {} : { uplink }),
    })
    // A port that no rule may lead elsewhere, whatever its address, is not asked about address by address.
    const families = ([4, 6] as const).filter(
      family => publishedByOthers(ruleset, wantedIn(family)).length > 0,
    )
    for (const address of addresses) {
      const family = address.includes(':') ? 6 : 4
      if (!families.includes(family)) continue
      const wanted = { ...wantedIn(family), address }
      const by = publishedByOthers(ruleset, wanted).find(
        // Nobody outside can ask for an address of the loopback.
        ({ certain, hook }) => certain && (hook === 'output' || !isLoopback(address)),
      )
      if (by !== undefined) return { address, port, by }
    }
  }
  return undefined
}

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
  { address, port, by: { by, owner, text, target, hook } }: Taker,
): NatspaceError => {
  const bracketed = (ip: string) => (ip.includes(':') ? `[${ip}]` : ip)
  const to =
    target.kind === 'redirect'
      ? `port ${target.port ?? port} of this host`
      : `${bracketed(target.address ?? 'another address')}:${target.port ?? port}`
  return new NatspaceError({
    code: 'PORT_TAKEN',
    exit: 2,
    what: `cannot publish ${formatPublish(publish)} for ${name}`,
    why: `a rule of ${printable(owner.name)} leads ${bracketed(address)}:${port}/${publish.protocol} to ${to} already`,
    evidence: [`chain ${by.family} ${by.table} ${by.chain} (${hook}): ${text}`],
    fix: [
      'choose another port of the host',
      `or take it away there: ${remedies[owner.program] ?? `nft -a list chain ${by.family} ${by.table} ${by.chain}`}`,
    ],
  })
}

/** How a person finds what publishes the port. */
const remedies: Readonly<Record<string, string>> = {
  docker: 'docker ps shows the container',
  netavark: 'podman ps shows the container',
  'kube-proxy': 'kubectl get services -A shows the service',
  firewalld: 'firewall-cmd --list-forward-ports',
}
