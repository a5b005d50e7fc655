/** The addresses of a network: which there are, and which the next container gets. Pure. */

import { bigIntToIp, canonicalIp, ipToBigInt } from '../linux/net/ip.ts'
import { networkOf, parsePrefix, prefixesOverlap, prefixRange } from '../linux/net/prefix.ts'
import type { Endpoint } from '../space/spec/types.ts'
import { CniError, cniCode } from './error.ts'
import { badField, type Fields } from './fields.ts'

/** Addresses from `first` to `last`, both included, as numbers, and the gateway that containers of them have. */
export type AddressRange = { family: 4 | 6; subnet: string; first: bigint; last: bigint; gateway: string }

/** Lengths of a subnet that has room for a gateway and a container, and does not take over half of the world. */
const lengths = { 4: { least: 8, most: 30 }, 6: { least: 16, most: 126 } } as const

/** Reads `{subnet, rangeStart, rangeEnd, gateway}`. Throws CniError 7. */
export const parseRange = (fields: Fields): AddressRange => {
  const subnet = fields.text('subnet')
  const prefix = subnet === undefined ? undefined : parsePrefix(subnet)
  if (subnet === undefined || prefix === undefined)
    throw badField(fields.at('subnet'), subnet, 'it must be a network such as 10.88.0.0/16')
  const { family, length } = prefix
  const network = networkOf(subnet)
  const whole = prefixRange(subnet)
  if (network === undefined || whole === undefined || network !== `${prefix.address}/${length}`)
    throw badField(fields.at('subnet'), subnet, `it has bits of a host; the network is ${network}`)
  const { least, most } = lengths[family]
  if (length < least || length > most)
    throw badField(fields.at('subnet'), subnet, `its length must be ${least} to ${most}`)
  // Only IPv4 has a broadcast address.
  const [lowest, highest] = [whole.first + 1n, family === 4 ? whole.last - 1n : whole.last]
  const inside = (key: string, fallback: bigint): bigint => {
    const text = fields.text(key)
    if (text === undefined) return fallback
    const value = text.includes(':') === (family === 6) ? ipToBigInt(text) : undefined
    if (value !== undefined && value >= lowest && value <= highest) return value
    throw badField(fields.at(key), text, `it must be the address of a host in ${subnet}`)
  }
  const [first, last] = [inside('rangeStart', lowest), inside('rangeEnd', highest)]
  if (first > last)
    throw badField(fields.at('rangeEnd'), fields.get('rangeEnd'), 'it is before the beginning of the range')
  return { family, subnet: network, first, last, gateway: textOf(inside('gateway', lowest), family) }
}

/** The gateway of a subnet where none is named: its first host, unless that is the address itself. */
export const usualGateway = (subnet: string, address: string): string | undefined => {
  const { first, last, family } = prefixRange(subnet) ?? { first: 0n, last: 0n, family: 4 as const }
  if (last - first < 2n) return undefined
  const gateway = textOf(first + 1n, family)
  return gateway === address ? undefined : gateway
}

type Sets = readonly (readonly AddressRange[])[]

/**
 * Which address is asked for of each set; undefined where none is. Throws CniError 7 for one that is in no range or is a
 * gateway, and for two of one set.
 */
export const wantedOf = (sets: Sets, wanted: readonly string[]): (Endpoint | undefined)[] => {
  const gateways = gatewaysOf(sets)
  const left = new Set(wanted)
  const asked = sets.map((ranges): Endpoint | undefined => {
    for (const address of left) {
      const range = ranges.find(item => isIn(item, address))
      if (range === undefined || gateways.has(address)) continue
      left.delete(address)
      return { address, gateway: range.gateway, subnet: range.subnet }
    }
    return undefined
  })
  const [stranger] = left
  if (stranger === undefined) return asked
  throw badField(
    'the address',
    stranger,
    `it must be in ${rangesText(sets.flat())}, one of each set, and no gateway`,
  )
}

/**
 * What one container gets: of each set the first address that nobody has, or that which is asked for. Throws CniError 102
 * when all of a set are taken, 7 as wantedOf does.
 */
export const chooseAddresses = (
  sets: Sets,
  used: ReadonlySet<string>,
  wanted: readonly string[] = [],
): Endpoint[] => {
  const asked = wantedOf(sets, wanted)
  refuseTaken(
    asked.flatMap(item => item ?? []),
    used,
  )
  return sets.map((ranges, index) => asked[index] ?? firstFree(ranges, used, gatewaysOf(sets)))
}

const gatewaysOf = (sets: Sets): Set<string> => new Set(sets.flat().map(range => range.gateway))

/** Throws CniError 102 for an address that somebody has. */
export const refuseTaken = (endpoints: readonly Endpoint[], used: ReadonlySet<string>): void => {
  const found = endpoints.find(({ address }) => used.has(address))
  if (found === undefined) return
  throw new CniError(
    cniCode.noFreeAddress,
    `${found.address} is taken`,
    'another container or this host has it',
  )
}

/** Two ranges of one network that share addresses, or undefined. */
export const overlapOf = (ranges: readonly AddressRange[]): [AddressRange, AddressRange] | undefined => {
  for (const [index, one] of ranges.entries())
    for (const other of ranges.slice(index + 1))
      if (prefixesOverlap(one.subnet, other.subnet) && one.first <= other.last && other.first <= one.last)
        return [one, other]
  return undefined
}

const firstFree = (
  ranges: readonly AddressRange[],
  used: ReadonlySet<string>,
  gateways: ReadonlySet<string>,
): Endpoint => {
  for (const { first, last, gateway, subnet, family } of ranges)
    for (let value = first; value <= last; value++) {
      const address = textOf(value, family)
      if (!used.has(address) && !gateways.has(address)) return { address, gateway, subnet }
    }
  throw new CniError(
    cniCode.noFreeAddress,
    'no address is free',
    `all of ${rangesText(ranges)} are taken; GC takes back those of containers that are gone`,
  )
}

/** Whether an address is one of a range. */
export const isIn = ({ family, first, last }: AddressRange, address: string): boolean => {
  const value = address.includes(':') === (family === 6) ? ipToBigInt(address) : undefined
  return value !== undefined && value >= first && value <= last
}

const textOf = (value: bigint, family: 4 | 6): string => canonicalIp(bigIntToIp(value, family) ?? '') ?? ''

const rangesText = (ranges: readonly AddressRange[]): string =>
  ranges.map(({ first, last, family }) => `${textOf(first, family)} to ${textOf(last, family)}`).join(', ')
