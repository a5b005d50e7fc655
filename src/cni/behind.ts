/**
 * Theory of operation. Where a plugin before this one has made the interface, natspace adds what it is asked for and is
 * possible there: published ports, limits, settings of the interface, and acceptance by other firewalls. How this host
 * reaches the container is not believed but looked up: the kernel's route to its address must leave by a link that
 * belongs to the interface, and the host end of a cable is the veth whose other end it is.
 */

import { networkOf } from '../linux/net/prefix.ts'
import type { Link } from '../linux/rtnetlink/link.ts'
import type { Observation } from '../space/reconcile/observation.ts'
import type { Context } from '../space/reconcile/types.ts'
import { upAsChosen } from '../space/reconcile/up.ts'
import { quote } from '../space/spec/quote.ts'
import type { Behind, Cable6, SpaceSpec } from '../space/spec/types.ts'
import type { Options } from './actions.ts'
import { checkedSpec, refuseSecond, spaceNameOf } from './attachment.ts'
import { type Configuration, type Header, parseConfiguration } from './configuration.ts'
import { askedOf, attachmentOf, heldNamespaceOf, identityOf } from './container.ts'
import type { Request } from './environment.ts'
import { badField, type Fields, unsupported } from './fields.ts'
import { changedResult, type Previous, type PreviousAddress } from './previous.ts'
import { isAtLeast } from './version.ts'

type PreviousInside = Previous & { place: number }

/** Keys that are of use without a cable of our own; every other one that natspace has is refused there. */
const usable = [
  ...['cniVersion', 'cniVersions', 'name', 'type', 'capabilities', 'args', 'runtimeConfig', 'prevResult'],
  ...['dns', 'mtu', 'fixFirewall', 'sysctl', 'promisc', 'allmulti', 'txQLen', 'mac'],
  ...['ingressRate', 'ingressBurst', 'egressRate', 'egressBurst'],
  ...['snat', 'masqAll', 'markMasqBit', 'externalSetMarkChain', 'conditionsV4', 'conditionsV6', 'backend'],
]

const usableOfRuntime = ['portMappings', 'bandwidth', 'mac', 'aliases', 'dns']

/** Adds to the interface that another plugin has made, which is at a place of its result. Throws CniError. */
export const addBehind = async (
  context: Context,
  request: Request,
  header: Header,
  options: Options,
  previous: PreviousInside,
) => {
  refuseOwnCable(header)
  const identity = identityOf(header, request.endpoint)
  const configuration = parseConfiguration(header, askedOf(request, true))
  const base = baseSpec(configuration, spaceNameOf(identity), identity.interface)
  const namespacePath = heldNamespaceOf(context, request)
  const attachment = attachmentOf(identity, namespacePath, request, configuration)
  const choose = (seen: Observation) => {
    refuseSecond(context, identity)
    return [{ ...specBehind(context, seen, base, namespacePath, previous), attachment }]
  }
  const { plan } = await upAsChosen(context, choose, options)
  options.tell(plan.warnings)
  const { mac, mtu } = base.tuning ?? {}
  const { version } = header
  return changedResult(previous, previous.place, {
    version,
    ...(mac === undefined ? {} : { mac }),
    ...(mtu === undefined || !isAtLeast(version, '1.1.0') ? {} : { mtu }),
    dns: configuration.dns,
  })
}

/** What a network asks of the engine for such an interface: pure. Throws CniError 7. */
const baseSpec = (configuration: Configuration, name: string, inner: string): SpaceSpec => {
  const { mtu, policy, publish } = configuration
  const { fixFirewall } = policy
  const spec = checkedSpec(name, { interface: inner, publish, mtu, fixFirewall, ipv6: 'auto' }, configuration)
  return mtu === undefined ? spec : { ...spec, tuning: { ...spec.tuning, mtu } }
}

/** Refuses by name what cannot be done to the interface of another plugin. Throws CniError 2. */
const refuseOwnCable = ({ fields }: Header): void => {
  refuseKeys(fields, usable)
  const runtime = fields.object('runtimeConfig')
  if (runtime !== undefined) refuseKeys(runtime, usableOfRuntime)
}

const refuseKeys = (fields: Fields, known: readonly string[]): void => {
  const letters = new Set(known.map(key => key.toLowerCase()))
  for (const key of fields.keys())
    if (!/[./]/.test(key) && !letters.has(key.toLowerCase()) && !isEmpty(fields.get(key)))
      throw unsupported(
        fields.at(key),
        fields.get(key),
        'another plugin has made the interface: natspace adds to it, and this belongs to whoever makes it',
      )
}

/** Runtimes send empty lists and objects for what nobody has asked for. */
const isEmpty = (value: unknown): boolean =>
  value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0)

/**
 * The spec of a space behind another plugin: of `base` (whose own wishes for a cable are not looked at) and what is
 * there. To be called under the lock. Throws CniError 2 for what this interface cannot have, 7 where `prevResult` is not
 * so.
 */
const specBehind = (
  { kernel }: Context,
  seen: Observation,
  { address: _, gateway: __, ...base }: SpaceSpec,
  namespacePath: string,
  previous: PreviousInside,
): SpaceSpec => {
  const inner = base.interface ?? ''
  const link = seen.link(namespacePath, inner)
  if (link === undefined)
    throw badField(
      `prevResult.interfaces[${previous.place}]`,
      inner,
      'the container has no interface of this name',
    )
  const behind = behindOf({ kernel }, seen, namespacePath, link, previous)
  checkPossible(base, behind, inner)
  return {
    ...base,
    // Nobody is kept from anything by natspace there.
    ...{ host: 'all', metadata: true },
    ipv6: behind.ipv6 === undefined ? 'off' : 'on',
    mtu: base.mtu ?? link.mtu,
    behind,
  }
}

const checkPossible = (
  { publish, rate, fixFirewall }: Pick<SpaceSpec, 'publish' | 'rate' | 'fixFirewall'>,
  { way, port, address, ipv6 }: Behind,
  inner: string,
): void => {
  if (publish.length > 0 && way === undefined)
    throw unsupported(
      'runtimeConfig.portMappings',
      publish.length,
      `this host itself does not reach ${quote(inner)}: no route leads there by a link of the plugins before (macvlan and ipvlan have none)`,
    )
  if (publish.length > 0 && address === '' && ipv6 === undefined)
    throw unsupported('runtimeConfig.portMappings', publish.length, `${quote(inner)} has no address`)
  if (publish.some(({ hostAddress }) => hostAddress === '::1'))
    throw unsupported(
      'runtimeConfig.portMappings',
      '::1',
      'an answer to ::1 can come in only by a cable that natspace has made',
    )
  if (fixFirewall && (way === undefined || way !== port))
    throw unsupported(
      'fixFirewall',
      true,
      'the link that leads there is not this container’s alone, and rules for it would be for others too',
    )
  if (rate !== undefined && port === undefined)
    throw unsupported(
      'bandwidth',
      rate,
      `${quote(inner)} is no cable whose other end is on this host, so what reaches it cannot be held back`,
    )
}

const behindOf = (
  { kernel }: Pick<Context, 'kernel'>,
  seen: Observation,
  namespacePath: string,
  link: Link,
  { place, ...previous }: PreviousInside,
): Behind => {
  const present = new Set((seen.addresses(namespacePath).get(link.index) ?? []).map(({ address }) => address))
  const ours = previous.addresses.filter(item => (item.interface ?? place) === place)
  for (const { address } of ours)
    if (!present.has(address))
      throw badField('prevResult.ips', address, `${quote(link.name)} does not have this address`)
  const [four, six] = [false, true].map(isSix => ours.find(({ address }) => address.includes(':') === isSix))
  const port = portOf({ kernel }, seen, namespacePath, link)
  const known = new Set([
    ...previous.interfaces.flatMap(({ name, sandbox }) => (sandbox === undefined ? [name] : [])),
    ...(port === undefined ? [] : [port.name]),
    ...(port?.master === undefined ? [] : [seen.linkName(undefined, port.master) ?? '']),
  ])
  const ways = [four, six].flatMap(item =>
    item === undefined ? [] : [wayTo({ kernel }, seen, item.address)],
  )
  const way = ways.find(name => name !== undefined && known.has(name))
  return {
    ...(way === undefined ? {} : { way }),
    ...(port === undefined ? {} : { port: port.name }),
    address: four?.address ?? '',
    prefixLength: four?.prefixLength ?? 0,
    gateway: four?.gateway ?? '',
    ...(six === undefined ? {} : { ipv6: cable6Of(six) }),
  }
}

const cable6Of = ({ address, prefixLength, gateway }: PreviousAddress): Cable6 => ({
  gateway: gateway ?? '',
  address,
  prefixLength,
  network: networkOf(`${address}/${prefixLength}`) ?? '',
})

/** The veth of this host whose other end this is. */
const portOf = (
  { kernel }: Pick<Context, 'kernel'>,
  seen: Observation,
  namespacePath: string,
  { kind, index, peer }: Link,
): Link | undefined => {
  if (kind !== 'veth' || peer === undefined) return undefined
  const port = seen.link(undefined, seen.linkName(undefined, peer) ?? '')
  const isIt =
    port?.kind === 'veth' &&
    port.peer === index &&
    port.peerNamespaceId === kernel.namespaceId(undefined, namespacePath)
  return isIt ? port : undefined
}

/** The link by which this host sends to an address that is on it; undefined where a router is in between, or no way. */
const wayTo = (
  { kernel }: Pick<Context, 'kernel'>,
  seen: Observation,
  destination: string,
): string | undefined => {
  try {
    const { gateway, outputIndex } = kernel.lookUpRoute(undefined, { destination })
    return gateway === undefined ? seen.linkName(undefined, outputIndex) : undefined
  } catch (error) {
    // ENETUNREACH and the like: there is no way.
    if (error instanceof Error && 'code' in error) return undefined
    throw error
  }
}
