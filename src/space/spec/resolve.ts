/**
 * From specs to resolved spaces: everything that was left open is chosen here, once, from facts that the caller read
 * from the kernel. Pure, and stable: a space that is up already keeps what was chosen for it, so that a second `up`
 * changes nothing.
 */

import { numberToIpv4 } from '../../linux/net/ip.ts'
import { networkOf, parsePrefix } from '../../linux/net/prefix.ts'
import type { NatspaceError } from '../errors.ts'
import { cable6 } from './cable6.ts'
import { badValue } from './fault.ts'
import { askedCable6, asksForCable6, checkCables6, keptCable6, prefixOf } from './fixed-cable6.ts'
import { checkAddresses6, claimFurther, isIpv6Alone, overlapError, routedCable6 } from './named-addresses.ts'
import { DEFAULT_INNER_INTERFACE, hostInterfaceName, namespacePath } from './names.ts'
import { createPool, type Pool } from './pool.ts'
import { formatPublish } from './publish.ts'
import { quote } from './quote.ts'
import { covers, intervalOf, type Taken } from './taken.ts'
import type { Behind, Cable6, Peer, ResolvedSpace, SpaceSpec } from './types.ts'
import { specialRole } from './validate-address.ts'
import { LEAST_MTU_OF_IPV6 } from './validate-policy.ts'

/** What the host looks like, for one spec. */
export type ResolveFacts = {
  /** Routes of every table, addresses of links, networks of spaces that are not being resolved. */
  taken: readonly Taken[]
  /** The same of IPv6; asked for only where a spec names addresses. */
  taken6?: () => readonly Taken[]
  /** Links of the host, without those that the space being resolved owns. */
  linkNames: ReadonlySet<string>
  /** The same space as it is up already. What lies in its network does not count as taken. */
  previous?: ResolvedSpace
  /** Whether the host has IPv6 beyond link-local addresses. */
  hasIpv6: boolean
  /** The prefix of this host for IPv6 addresses of spaces; asked for only where one needs it. */
  prefix6: () => string
  /** MTU of the link by which a space leaves, in bytes: of its uplink, or of the default route; undefined without one. */
  mtuOf: (uplink: string | undefined) => number | undefined
  /** Other spaces that are up, by name. */
  peer: (name: string) => Peer | undefined
}

/** What the host looks like, for many specs; `previous` by the name of the space. */
export type ResolveManyFacts = Omit<ResolveFacts, 'previous'> & {
  previous?: ReadonlyMap<string, ResolvedSpace>
}

/** In bytes, where there is no way out and nothing else is known. */
const ethernetMtu = 1500

type Cable = Pick<ResolvedSpace, 'gateway' | 'address' | 'prefixLength' | 'network'>

/**
 * Fills in one spec. Throws NatspaceError OVERLAP (an explicit network is in use), BAD_ADDRESS (an address alone that
 * fits no /30), INTERFACE_TAKEN, each exit 2, or POOL_FULL, exit 1.
 */
export function resolveSpec(spec: SpaceSpec, facts: ResolveFacts): ResolvedSpace {
  const { previous, ...rest } = facts
  const [space] = resolveSpecs(
    [spec],
    previous ? { ...rest, previous: new Map([[spec.name, previous]]) } : rest,
  )
  if (space === undefined) throw new Error('Cannot resolve: one spec gave no space')
  return space
}

/**
 * Fills in many specs, so that none takes what another was given. What is kept comes first, then what is asked for
 * explicitly, then what is chosen; the result has the order of `specs`. Throws as `resolveSpec` does.
 */
export function resolveSpecs(specs: readonly SpaceSpec[], facts: ResolveManyFacts): ResolvedSpace[] {
  const previousOf = (spec: SpaceSpec): ResolvedSpace | undefined => facts.previous?.get(spec.name)
  const cables = chooseCables(specs, previousOf, createPool(facts.taken))
  const names = chooseHostInterfaces(specs, previousOf, facts.linkNames)
  const resolved = specs.map((spec): ResolvedSpace => {
    const cable = cables.get(spec)
    const hostInterface = names.get(spec)
    if (cable === undefined || hostInterface === undefined)
      throw new Error('Cannot resolve: nothing was chosen')
    const mtu = spec.mtu ?? facts.mtuOf(spec.uplink) ?? previousOf(spec)?.mtu ?? ethernetMtu
    const mtuFollows = spec.mtu === undefined || spec.mtuFollows === true
    checkAddresses6(spec, previousOf(spec), facts.taken6)
    const ipv6 =
      spec.behind === undefined ? chooseIpv6(spec, cable, mtu, previousOf(spec), facts) : spec.behind.ipv6
    return {
      name: spec.name,
      namespacePath: spec.attachment?.namespacePath ?? namespacePath(spec.name),
      hostInterface,
      interface: spec.interface ?? previousOf(spec)?.interface ?? DEFAULT_INNER_INTERFACE,
      gateway: cable.gateway,
      address: cable.address,
      prefixLength: cable.prefixLength,
      network: cable.network,
      ...(ipv6 === undefined ? {} : { ipv6 }),
      ...(spec.uplink === undefined ? {} : { uplink: spec.uplink }),
      ...(spec.source === undefined ? {} : { source: spec.source }),
      publish: spec.publish,
      ...(spec.dns === undefined ? {} : { dns: spec.dns }),
      mtu,
      ...(mtuFollows ? { mtuFollows } : {}),
      ...(spec.rate === undefined ? {} : { rate: spec.rate }),
      internal: spec.internal,
      connect: [],
      ...(spec.egress === undefined ? {} : { egress: spec.egress }),
      host: spec.host,
      metadata: spec.metadata,
      fixFirewall: spec.fixFirewall,
      ...(spec.attachment === undefined ? {} : { attachment: spec.attachment }),
      ...(spec.subnet === undefined ? {} : { subnet: spec.subnet }),
      ...(spec.further === undefined ? {} : { further: spec.further }),
      ...(spec.routes === undefined ? {} : { routes: spec.routes }),
      ...(spec.untranslated === undefined ? {} : { untranslated: spec.untranslated }),
      ...(spec.accept === undefined ? {} : { accept: spec.accept }),
      ...(spec.group === undefined ? {} : { group: spec.group }),
      ...(spec.behind === undefined ? {} : { behind: portOf(spec.behind) }),
      ...(spec.tuning === undefined ? {} : { tuning: spec.tuning }),
    }
  })
  checkCables6(
    resolved.flatMap((space, index) => {
      const spec = specs[index]
      return spec === undefined || !asksForCable6(spec)
        ? []
        : [{ spec, space, previous: previousOf(spec)?.ipv6 }]
    }),
    facts.taken6 ?? (() => []),
    facts.prefix6,
  )
  const together = new Map(resolved.map(space => [space.name, peerOf(space)]))
  for (const [index, space] of resolved.entries())
    space.connect = (specs[index]?.connect ?? []).map(name => {
      const peer = together.get(name) ?? facts.peer(name)
      if (peer === undefined) throw noSuchPeer(space.name, name)
      return peer
    })
  return resolved
}

const portOf = ({ port }: Behind): Pick<Behind, 'port'> => (port === undefined ? {} : { port })

/** What others have to know of a space to reach it. */
export const peerOf = ({ name, hostInterface, address, ipv6 }: ResolvedSpace): Peer => ({
  name,
  hostInterface,
  address,
  ...(ipv6 === undefined ? {} : { address6: ipv6.address }),
})

/** Once a space has IPv6 by `auto` it keeps it, also where the host loses its own for a while. */
function chooseIpv6(
  spec: SpaceSpec,
  cable: Cable,
  mtu: number,
  previous: ResolvedSpace | undefined,
  facts: ResolveManyFacts,
): Cable6 | undefined {
  if (spec.cable6 !== undefined) return routedCable6(spec.cable6)
  const asked = askedCable6(spec, previous?.ipv6)
  if (asked !== undefined) return asked
  const wanted =
    spec.ipv6 === 'on' ||
    (spec.ipv6 === 'auto' && mtu >= LEAST_MTU_OF_IPV6 && (facts.hasIpv6 || previous?.ipv6 !== undefined))
  const kept = wanted ? keptCable6(previous) : undefined
  if (kept !== undefined) return kept
  if (wanted) return cable6(previous?.ipv6 === undefined ? facts.prefix6() : prefixOf(previous.ipv6), cable)
  const published = spec.publish.find(({ hostAddress }) => hostAddress?.includes(':'))
  if (published === undefined && spec.source?.ipv6 === undefined) return undefined
  throw badValue({
    code: published === undefined ? 'BAD_SOURCE' : 'BAD_PUBLISH',
    site: { field: published === undefined ? 'source' : 'publish' },
    value: published === undefined ? (spec.source?.ipv6 ?? '') : formatPublish(published),
    why: 'the space has only IPv4, as this host has no IPv6 beyond link-local addresses',
    fix: ['give the space IPv6 all the same: --ipv6 on'],
  })
}

const noSuchPeer = (space: string, name: string): NatspaceError =>
  badValue({
    code: 'NO_SUCH_PEER',
    site: { field: 'connect' },
    value: name,
    why: `no space of that name is up, so ${quote(space)} cannot be connected to it`,
    fix: [`bring it up first: natspace up ${name}`, 'or write both into one file: natspace up -f FILE'],
  })

type PreviousOf = (spec: SpaceSpec) => ResolvedSpace | undefined

function chooseCables(
  specs: readonly SpaceSpec[],
  previousOf: PreviousOf,
  pool: Pool,
): Map<SpaceSpec, Cable> {
  const cables = new Map<SpaceSpec, Cable>()
  const fresh: SpaceSpec[] = []
  for (const spec of specs) {
    // What another has made is as it is, and takes nothing of the pool.
    if (spec.behind !== undefined) {
      const { address, prefixLength, gateway } = spec.behind
      const network = networkOf(`${address}/${prefixLength}`) ?? ''
      cables.set(spec, { gateway, address, prefixLength, network })
      continue
    }
    const previous = previousOf(spec)
    if (isIpv6Alone(spec)) {
      cables.set(spec, noCable4)
      continue
    }
    const cable = fixedCable(spec, previous)
    if (cable === undefined) continue
    cables.set(spec, cable)
    if (cable.network === previous?.network) pool.claim(cable.network, `space ${spec.name}`)
    else fresh.push(spec)
  }
  claimFurther(specs, previousOf, pool)
  for (const spec of fresh) {
    const network = cables.get(spec)?.network ?? ''
    const overlap = pool.findOverlap(network, previousOf(spec)?.network)
    if (overlap !== undefined) throw overlapError(spec, network, overlap)
    pool.claim(network, `space ${spec.name}`)
  }
  for (const spec of specs) if (!cables.has(spec)) cables.set(spec, pool.take())
  return cables
}

/** The cable as far as spec and previous state decide it; undefined if the pool has to. */
function fixedCable(spec: SpaceSpec, previous: ResolvedSpace | undefined): Cable | undefined {
  if (spec.gateway !== undefined) return cableOfGateway(spec.gateway, spec.address, previous)
  if (spec.address !== undefined) return cableOfAddress(spec.address, previous)
  if (previous === undefined) return undefined
  const { gateway, address, prefixLength, network } = previous
  return { gateway, address, prefixLength, network }
}

function cableOfGateway(text: string, inner: string | undefined, previous: ResolvedSpace | undefined): Cable {
  const prefix = parsePrefix(text)
  const network = networkOf(text)
  if (prefix === undefined || network === undefined)
    throw new RangeError(`Cannot read gateway: ${quote(text)}`)
  const cable = { gateway: prefix.address, prefixLength: prefix.length, network }
  // Many may have one gateway then, and what a space takes of the network is its own address.
  if (prefix.length === 32 && inner !== undefined) return { ...cable, address: inner, network: `${inner}/32` }
  if (inner !== undefined) return { ...cable, address: inner }
  const kept = previous?.gateway === cable.gateway && previous.network === network
  return { ...cable, address: kept ? previous.address : firstOtherHost(network, cable.gateway) }
}

const noCable4: Cable = { gateway: '', address: '', prefixLength: 32, network: '' }

function firstOtherHost(network: string, gateway: string): string {
  const { first, last } = intervalOf(network)
  const lowest = last - first === 1 ? first : first + 1
  return numberToIpv4(numberToIpv4(lowest) === gateway ? lowest + 1 : lowest)
}

/** An address alone moves within the network that the space has, else it makes the /30 around it. */
function cableOfAddress(address: string, previous: ResolvedSpace | undefined): Cable {
  if (previous !== undefined && fits(address, previous)) {
    const { gateway, prefixLength, network } = previous
    return { gateway, address, prefixLength, network }
  }
  const network = networkOf(`${address}/30`) ?? ''
  const role = specialRole(network, address)
  const { first } = intervalOf(network)
  const [lower, upper] = [numberToIpv4(first + 1), numberToIpv4(first + 2)]
  if (role !== undefined) {
    throw badValue({
      code: 'BAD_ADDRESS',
      site: { field: 'address' },
      value: address,
      why: `without a gateway the space gets the /30 around its address, and there ${role}`,
      fix: [`use ${lower} or ${upper}`, `or give the gateway with its length, such as --gateway A/24`],
    })
  }
  return { gateway: address === lower ? upper : lower, address, prefixLength: 30, network }
}

function fits(address: string, previous: ResolvedSpace): boolean {
  const { network, gateway } = previous
  const inside = covers(intervalOf(network), intervalOf(address))
  return inside && address !== gateway && specialRole(network, address) === undefined
}

function chooseHostInterfaces(
  specs: readonly SpaceSpec[],
  previousOf: PreviousOf,
  linkNames: ReadonlySet<string>,
): Map<SpaceSpec, string> {
  const names = new Map<SpaceSpec, string>()
  const owners = new Map<string, string>()
  for (const spec of specs) {
    if (spec.behind !== undefined) {
      names.set(spec, spec.behind.way ?? '')
      continue
    }
    const own = previousOf(spec)?.hostInterface
    const name = spec.hostInterface ?? own
    if (name === undefined) continue
    const rival = owners.get(name)
    if (rival !== undefined || (name !== own && linkNames.has(name))) throw interfaceTaken(spec, name, rival)
    owners.set(name, spec.name)
    names.set(spec, name)
  }
  for (const spec of specs) {
    if (names.has(spec)) continue
    let attempt = 0
    let name = hostInterfaceName(spec.name)
    while (linkNames.has(name) || owners.has(name)) name = hostInterfaceName(spec.name, ++attempt)
    owners.set(name, spec.name)
    names.set(spec, name)
  }
  return names
}

function interfaceTaken(spec: SpaceSpec, name: string, rival: string | undefined): NatspaceError {
  return badValue({
    code: 'INTERFACE_TAKEN',
    site: { field: 'hostInterface' },
    value: name,
    why: rival === undefined ? 'this host has a link of that name' : `space ${quote(rival)} has the same`,
    evidence: [`space ${spec.name} asks for it`],
    fix: ['choose another name, or leave it out'],
  })
}
