/** IPv6 addresses of a cable that are asked for, instead of those beside the ones of IPv4. Pure. */

import { bigIntToIp, isUnspecified } from '../../linux/net/ip.ts'
import {
  networkOf,
  parsePrefix,
  prefixContains,
  prefixesOverlap,
  prefixRange,
} from '../../linux/net/prefix.ts'
import { cable6 } from './cable6.ts'
import { badValue } from './fault.ts'
import type { Taken } from './taken.ts'
import type { Cable6, ResolvedSpace, SpaceSpec } from './types.ts'
import { specialRole6 } from './validate-address6.ts'

/** Whether a spec asks for IPv6 addresses of its cable. */
export const asksForCable6 = ({ address6, gateway6 }: SpaceSpec): boolean =>
  address6 !== undefined || gateway6 !== undefined

/** The prefix of this host that an address is of. */
export const prefixOf = ({ address }: Pick<Cable6, 'address'>): string => networkOf(`${address}/48`) ?? ''

/** Whether the addresses of IPv6 are those beside the ones of IPv4: nobody has asked for others. */
export const isBesideIpv4 = (space: ResolvedSpace): boolean => {
  const { ipv6, address } = space
  if (ipv6 === undefined || ipv6.subnet !== undefined || address === '') return true
  const beside = cable6(prefixOf(ipv6), space)
  return (
    beside.address === ipv6.address &&
    beside.gateway === ipv6.gateway &&
    beside.prefixLength === ipv6.prefixLength
  )
}

/**
 * The addresses of IPv6 that a space has and that somebody asked for, as they stay when nothing more is said. Undefined
 * where they are those beside IPv4, or where a part of them is lost.
 */
export const keptCable6 = (space: ResolvedSpace | undefined): Cable6 | undefined => {
  const kept = space?.ipv6
  if (space === undefined || kept === undefined || isBesideIpv4(space)) return undefined
  return isUnspecified(kept.gateway) || kept.prefixLength > 127 ? undefined : withNetwork(kept)
}

/** Of a space whose record was lost the network is known by an address of it alone. */
const withNetwork = (cable: Cable6): Cable6 => ({
  ...cable,
  network: networkOf(`${cable.gateway}/${cable.prefixLength}`) ?? cable.network,
})

/**
 * The cable that is asked for: what is left out stays as it is, or is chosen within the network, or the /126 around an
 * address. Undefined where nothing is asked for. Throws NatspaceError BAD_ADDRESS.
 */
export const askedCable6 = (spec: SpaceSpec, known: Cable6 | undefined): Cable6 | undefined => {
  const { address6, gateway6 } = spec
  const previous = known === undefined ? undefined : withNetwork(known)
  if (gateway6 !== undefined) return ofGateway(gateway6, address6, previous)
  return address6 === undefined ? undefined : ofAddress(address6, previous)
}

const ofGateway = (text: string, inner: string | undefined, previous: Cable6 | undefined): Cable6 => {
  const { address: gateway, length: prefixLength } = parsePrefix(text) ?? { address: '', length: 128 }
  const network = networkOf(text) ?? ''
  const kept = previous?.gateway === gateway && previous.network === network ? previous.address : undefined
  return { gateway, address: inner ?? kept ?? firstOtherHost(network, gateway), prefixLength, network }
}

const ofAddress = (address: string, previous: Cable6 | undefined): Cable6 => {
  if (previous !== undefined && fits(address, previous)) {
    const { gateway, prefixLength, network } = previous
    return { gateway, address, prefixLength, network }
  }
  const network = networkOf(`${address}/126`) ?? ''
  const role = specialRole6(network, address)
  if (role !== undefined)
    throw badValue({
      code: 'BAD_ADDRESS',
      site: { field: 'address6' },
      value: address,
      why: `without a gateway the space gets the /126 around its address, and there ${role}`,
      fix: [
        `use ${addressAt(network, 1)} or ${addressAt(network, 2)}`,
        'or give the gateway with its length, such as --gateway6 A/64',
      ],
    })
  return { gateway: firstOtherHost(network, address), address, prefixLength: 126, network }
}

const fits = (address: string, { network, gateway, subnet }: Cable6): boolean =>
  subnet === undefined &&
  prefixContains(network, address) &&
  address !== gateway &&
  specialRole6(network, address) === undefined

const firstOtherHost = (network: string, other: string): string => {
  const lowest = specialRole6(network, addressAt(network, 0)) === undefined ? 0 : 1
  const first = addressAt(network, lowest)
  return first === other ? addressAt(network, lowest + 1) : first
}

const addressAt = (network: string, offset: number): string =>
  bigIntToIp((prefixRange(network)?.first ?? 0n) + BigInt(offset), 6) ?? ''

/** A space that asks, what it gets, and what it had. */
export type AskedCable6 = { spec: SpaceSpec; space: ResolvedSpace; previous: Cable6 | undefined }

/**
 * Networks that are asked for must be nobody else's: no route's, no other space's, and not where natspace itself puts
 * addresses, beside those of IPv4. Throws NatspaceError OVERLAP.
 */
export const checkCables6 = (
  asked: readonly AskedCable6[],
  taken6: () => readonly Taken[],
  prefix6: () => string,
): void => {
  const fresh = asked.filter(({ space, previous }) => space.ipv6?.network !== previous?.network)
  if (fresh.length === 0) return
  const routes = taken6()
  const own = {
    prefix: networkOf(`${prefix6().replace(/\/48$/, '')}/96`) ?? '',
    why: 'beside IPv4, by natspace itself',
  }
  for (const { spec, space, previous } of fresh) {
    const network = space.ipv6?.network ?? ''
    const isOwn = (prefix: string) => previous !== undefined && prefixContains(previous.network, prefix)
    const overlap =
      routes.find(({ prefix }) => !isOwn(prefix) && prefixesOverlap(prefix, network)) ??
      (prefixesOverlap(own.prefix, network) && !isBesideIpv4(space) ? own : undefined)
    if (overlap !== undefined) throw overlaps(spec, network, overlap)
  }
  checkEachOther(asked)
}

/** In order of their first addresses a network overlaps another one only if it overlaps the one before. */
const checkEachOther = (asked: readonly AskedCable6[]): void => {
  const first = ({ space }: AskedCable6): bigint => prefixRange(space.ipv6?.network ?? '')?.first ?? 0n
  const sorted = asked.toSorted((one, other) =>
    first(one) < first(other) ? -1 : first(one) > first(other) ? 1 : 0,
  )
  let before: AskedCable6 | undefined
  for (const item of sorted) {
    const network = item.space.ipv6?.network ?? ''
    const rival = before?.space.ipv6?.network ?? ''
    if (before !== undefined && prefixesOverlap(rival, network))
      throw overlaps(item.spec, network, { prefix: rival, why: `space ${before.spec.name}` })
    before = item
  }
}

const overlaps = (spec: SpaceSpec, network: string, { prefix, why }: Taken): Error =>
  badValue({
    code: 'OVERLAP',
    site: { field: spec.gateway6 === undefined ? 'address6' : 'gateway6' },
    value: spec.gateway6 ?? spec.address6 ?? '',
    why: `its network ${network} overlaps ${prefix} (${why})`,
    evidence: [`space ${spec.name} asks for ${network}`, `${prefix}: ${why}`],
    fix: ['give another network with --gateway6 A/LEN', 'or leave out both, and natspace chooses a free one'],
  })
