/** The addresses of a network: which there are, and which the next container gets. Pure. */

import { ipv4ToNumber, numberToIpv4 } from '../linux/net/ip.ts'
import { networkOf, parsePrefix, prefixRange } from '../linux/net/prefix.ts'
import { CniError, cniCode } from './error.ts'
import { badField, type Fields, unsupported } from './fields.ts'

/** IPv4 addresses from `first` to `last`, both included, as numbers, and the gateway that containers of them have. */
export type AddressRange = { subnet: string; first: number; last: number; gateway: string }

/** What a container gets. */
export type ChosenAddress = { address: string; gateway: string }

/** Reads `{subnet, rangeStart, rangeEnd, gateway}`. Throws CniError 2 (IPv6), 7. */
export const parseRange = (fields: Fields): AddressRange => {
  const subnet = fields.text('subnet')
  const prefix = subnet === undefined ? undefined : parsePrefix(subnet)
  if (subnet === undefined || prefix === undefined)
    throw badField(fields.at('subnet'), subnet, 'it must be a network such as 10.88.0.0/16')
  if (prefix.family === 6)
    throw unsupported(fields.at('subnet'), subnet, 'natspace gives containers addresses of IPv4 alone')
  const network = networkOf(subnet)
  const range = prefixRange(subnet)
  if (network === undefined || range === undefined || network !== `${prefix.address}/${prefix.length}`)
    throw badField(fields.at('subnet'), subnet, `it has bits of a host; the network is ${network}`)
  if (prefix.length < 8 || prefix.length > 30)
    throw badField(fields.at('subnet'), subnet, 'its length must be 8 to 30')
  const [lowest, highest] = [Number(range.first) + 1, Number(range.last) - 1]
  const inside = (key: string, fallback: number): number => {
    const text = fields.text(key)
    if (text === undefined) return fallback
    const value = ipv4ToNumber(text)
    if (value !== undefined && value >= lowest && value <= highest) return value
    throw badField(fields.at(key), text, `it must be the address of a host in ${subnet}`)
  }
  const [first, last] = [inside('rangeStart', lowest), inside('rangeEnd', highest)]
  if (first > last)
    throw badField(fields.at('rangeEnd'), fields.get('rangeEnd'), 'it is before the beginning of the range')
  return { subnet, first, last, gateway: numberToIpv4(inside('gateway', lowest)) }
}

/**
 * The first address that nobody has, or the one that is asked for. Throws CniError 102 when all are taken, and 7 when
 * the one that is asked for is in no range, or is a gateway.
 */
export const chooseAddress = (
  ranges: readonly AddressRange[],
  used: ReadonlySet<string>,
  wanted?: string,
): ChosenAddress => {
  const gateways = new Set(ranges.map(range => range.gateway))
  if (wanted !== undefined) {
    const value = ipv4ToNumber(wanted)
    const range = ranges.find(
      ({ first, last }) => value !== undefined && value >= first && value <= last && !gateways.has(wanted),
    )
    if (range === undefined)
      throw badField('the address', wanted, `it must be in ${textOf(ranges)}, and no gateway`)
    if (used.has(wanted))
      throw new CniError(cniCode.noFreeAddress, `${wanted} is taken`, 'another container has it')
    return { address: wanted, gateway: range.gateway }
  }
  for (const { first, last, gateway } of ranges)
    for (let value = first; value <= last; value++) {
      const address = numberToIpv4(value)
      if (!used.has(address) && !gateways.has(address)) return { address, gateway }
    }
  throw new CniError(
    cniCode.noFreeAddress,
    'no address is free',
    `all of ${textOf(ranges)} are taken; GC takes back those of containers that are gone`,
  )
}

const textOf = (ranges: readonly AddressRange[]): string =>
  ranges.map(({ first, last }) => `${numberToIpv4(first)} to ${numberToIpv4(last)}`).join(', ')
