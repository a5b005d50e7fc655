/** From what a runtime asks for to what the engine is asked for: the name of the space, its spec, its address. */

import { NatspaceError } from '../space/errors.ts'
import { aliasOf } from '../space/marks.ts'
import { Observation } from '../space/reconcile/observation.ts'
import type { Context } from '../space/reconcile/types.ts'
import { seenElements } from '../space/ruleset/seen-table.ts'
import { innerAddresses } from '../space/spec/endpoints.ts'
import type { Endpoint as CableEnds, Rate, RawSpec, SpaceSpec, Tuning } from '../space/spec/types.ts'
import { validateSpec } from '../space/spec/validate.ts'
import { LEAST_MTU_OF_IPV6 } from '../space/spec/validate-policy.ts'
import { readSpaceRecord, recordedNames, type SpaceRecord } from '../space/state/records.ts'
import type { Configuration } from './configuration.ts'
import type { Endpoint } from './environment.ts'
import { CniError, cniCode, cniErrorOf } from './error.ts'
import { hash } from './hash.ts'
import type { Ipam } from './ipam.ts'
import { groupOf } from './network-group.ts'
import { chooseAddresses, refuseTaken } from './ranges.ts'

/** What the specification calls an attachment: one interface of one container in one network. */
export type Identity = Endpoint & { network: string }

/**
 * The name of the space of an attachment: a function of what identifies it, so that taking away needs no notes. The
 * beginning of the container's own name is in it for people; the hash of all three for us.
 */
export const spaceNameOf = ({ network, container, interface: inner }: Identity): string =>
  `cni-${container.slice(0, 12)}-${hashText(`${network}/${container}/${inner}`)}`

/** In base 36. Two that are alike are told apart by `isOf`. */
const hashText = (text: string): string => hash(text).toString(36).padStart(13, '0')

/** Whether a record is that of an attachment. */
export const isOf = ({ space }: SpaceRecord, { network, container, interface: inner }: Identity): boolean =>
  space.attachment?.network === network &&
  space.attachment.container === container &&
  space.interface === inner

/** The spaces of a network, whatever containers they are for. */
export const recordsOf = ({ kernel, paths }: Context, network: string): SpaceRecord[] =>
  recordedNames(kernel, paths).flatMap(name => {
    const record = readSpaceRecord(kernel, paths, name)
    return record?.space.attachment?.network === network ? [record] : []
  })

/**
 * What a network asks of the engine for one interface, all but the address: pure. Throws CniError 7 for a value that the
 * engine does not take.
 */
export const baseSpec = (
  { ipam, dns, mtu, policy, publish, rate, tuning, reach }: Configuration,
  name: string,
  inner: string,
): SpaceSpec => {
  const raw: RawSpec = {
    ...policy,
    interface: inner,
    ipv6: mayHaveIpv6(ipam, mtu) ? 'on' : 'off',
    publish,
    mtu,
    ...(dns.nameservers === undefined ? {} : { dns: dns.nameservers }),
  }
  const spec = checkedSpec(name, raw, { rate, tuning })
  const { untranslated, accept } = reach
  return {
    ...spec,
    ...(ipam.routes === undefined ? {} : { routes: ipam.routes }),
    ...(untranslated.length === 0 ? {} : { untranslated }),
    ...(accept.length === 0 ? {} : { accept }),
  }
}

/** What a plugin that is asked for addresses will give is not known before; without room for IPv6 it may not be that. */
const mayHaveIpv6 = ({ delegate, sets, fixed }: Ipam, mtu: number | undefined): boolean =>
  delegate === undefined
    ? sets.some(([range]) => range?.family === 6) || fixed.some(({ address }) => address.includes(':'))
    : mtu === undefined || mtu >= LEAST_MTU_OF_IPV6

/** A spec, and what is checked already beside it. Throws CniError 7 for a value that the engine does not take. */
export const checkedSpec = (
  name: string,
  raw: RawSpec,
  { rate, tuning }: { rate?: Rate | undefined; tuning?: Tuning | undefined },
): SpaceSpec => {
  const text = (value: number | undefined) => value && `${value}bit`
  const rates = rate === undefined ? {} : { rate: { up: text(rate.up), down: text(rate.down) } }
  try {
    const spec = validateSpec(name, { ...raw, ...rates })
    return {
      ...spec,
      // The bursts; the rates themselves as they were checked.
      ...(rate === undefined ? {} : { rate: { ...rate, ...spec.rate } }),
      ...(tuning === undefined ? {} : { tuning }),
    }
  } catch (error) {
    if (!(error instanceof NatspaceError)) throw error
    const { message, details } = cniErrorOf(error)
    throw new CniError(cniCode.configuration, message, details)
  }
}

/**
 * The spec with addresses that nobody has, and the group of its network. To be called under the lock of the engine, or for
 * a look alone. Throws CniError 102, 7.
 */
export const withAddresses = (
  context: Context,
  spec: SpaceSpec,
  network: string,
  { ipam, reach }: Pick<Configuration, 'ipam' | 'reach'>,
  seen = new Observation(context.kernel),
): SpaceSpec => {
  const { sets, fixed, wanted } = ipam
  const [only] = wanted
  const group = reach.isolated ? {} : { group: groupOf(context, seen, network) }
  if (sets.length + fixed.length === 0)
    return { ...spec, ...group, ...(only === undefined ? {} : { address: only }) }
  const used = addressesInUse(context, seen)
  refuseTaken(fixed, used)
  const endpoints = sets.length === 0 ? fixed : chooseAddresses(sets, used, wanted)
  return { ...withEndpoints(spec, endpoints, reach.isDefaultGateway), ...group }
}

/** The first of each family is the one that published ports lead to; the others come after it. */
const withEndpoints = (
  { routes, ...spec }: SpaceSpec,
  endpoints: readonly CableEnds[],
  isDefaultGateway: boolean,
): SpaceSpec => {
  const first = (family: 4 | 6) => endpoints.find(({ address }) => address.includes(':') === (family === 6))
  const [ipv4, ipv6] = [first(4), first(6)]
  const further = endpoints.filter(item => item !== ipv4 && item !== ipv6)
  const usual = [ipv4 && '0.0.0.0/0', ipv6 && '::/0'].flatMap(destination =>
    destination === undefined || routes?.some(route => route.destination === destination)
      ? []
      : [{ destination }],
  )
  return {
    ...spec,
    ...(ipv4 === undefined
      ? {}
      : { address: ipv4.address, gateway: `${ipv4.gateway}/32`, subnet: ipv4.subnet }),
    ipv6: ipv6 === undefined ? 'off' : 'on',
    ...(ipv6 === undefined ? {} : { cable6: ipv6 }),
    ...(further.length === 0 ? {} : { further }),
    ...(routes === undefined ? {} : { routes: isDefaultGateway ? [...routes, ...usual] : routes }),
  }
}

/** Refuses a second interface of the same kind; to be called under the lock. Throws CniError 101. */
export const refuseSecond = ({ kernel, paths }: Context, identity: Identity): void => {
  const name = spaceNameOf(identity)
  if (readSpaceRecord(kernel, paths, name) === undefined) return
  throw new CniError(
    cniCode.alreadyAttached,
    `${identity.container} has its interface ${identity.interface} in ${identity.network} already`,
    `space ${name}; DEL takes it away`,
  )
}

/**
 * Those that the rules know, those of this host itself, and those of recorded spaces. The record of a space whose cable
 * and element are there says nothing that these do not, and is not read: there may be hundreds.
 */
const addressesInUse = ({ kernel, paths }: Context, seen: Observation): Set<string> => {
  const known = ['source4', 'source6'].flatMap(set =>
    [...seenElements(seen, set).values()].map(({ key }) => key.map(String)),
  )
  const cables = new Set(known.map(([cable]) => cable))
  const present = new Set(
    [...seen.links(undefined).values()].flatMap(({ name, alias }) => (cables.has(name) ? [alias] : [])),
  )
  const recorded = recordedNames(kernel, paths)
    .filter(name => !present.has(aliasOf(name, paths.owner)))
    .flatMap(name => {
      const space = readSpaceRecord(kernel, paths, name)?.space
      return space === undefined
        ? []
        : innerAddresses(space).flatMap(({ address, gateway }) => [address, gateway])
    })
  const own = [...seen.addresses(undefined).values()].flat().map(({ address }) => address)
  return new Set([...recorded, ...known.flatMap(([, address]) => address ?? []), ...own])
}
