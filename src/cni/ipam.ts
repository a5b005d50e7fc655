/** The part `ipam` of a configuration, as host-local and static have it; natspace does what they do itself. */

import { canonicalIp } from '../linux/net/ip.ts'
import { networkOf, parsePrefix } from '../linux/net/prefix.ts'
import { badField, type Fields, unsupported } from './fields.ts'
import { type AddressRange, parseRange } from './ranges.ts'

export type Ipam = {
  /** Tried in order. Empty: natspace chooses of its own pool, a network for each container. */
  ranges: AddressRange[]
  /** Destinations that lead by the gateway; undefined: all of IPv4. */
  routes?: string[]
  /** The one address that is asked for. */
  address?: string
}

const types = ['natspace', 'host-local', 'static']

/** Reads `ipam`. Throws CniError 2, 7. */
export const parseIpam = (fields: Fields | undefined): Ipam => {
  if (fields === undefined) return { ranges: [] }
  const type = fields.text('type') ?? 'natspace'
  if (!types.includes(type))
    throw unsupported(fields.at('type'), type, `natspace does itself what these do: ${types.join(', ')}`)
  const isStatic = type === 'static'
  if (isStatic) fields.allow('type', 'addresses', 'routes')
  else fields.allow('type', 'subnet', 'rangeStart', 'rangeEnd', 'gateway', 'ranges', 'routes')
  const fixed = isStatic ? parseStatic(fields) : undefined
  const ranges = fixed === undefined ? parseRanges(fields) : [fixed.range]
  const routes = parseRoutes(fields, ranges)
  return {
    ranges,
    ...(routes === undefined ? {} : { routes }),
    ...(fixed === undefined ? {} : { address: fixed.address }),
  }
}

/** One range set gives one address; of several each container would need one of each. */
const parseRanges = (fields: Fields): AddressRange[] => {
  const sets = fields.list('ranges')
  const single = ['subnet', 'rangeStart', 'rangeEnd', 'gateway'].some(key => fields.get(key) !== undefined)
  if (single && sets.length > 0)
    throw badField(fields.at('ranges'), sets, 'there is a subnet beside it: write one of both')
  if (single) return [parseRange(fields)]
  if (sets.length === 0) return []
  const ranges = sets.map((set, index) => {
    if (Array.isArray(set) && set.length > 0) return fields.objectsOf(set, `ranges[${index}]`)
    throw badField(fields.at(`ranges[${index}]`), set, 'it must be a list of ranges')
  })
  const [first = [], ...others] = ranges.map(set => set.map(range => known(range)))
  if (others.length > 0)
    throw unsupported(fields.at('ranges'), sets, 'natspace gives a container one address of IPv4')
  return first
}

const known = (range: Fields): AddressRange => {
  range.allow('subnet', 'rangeStart', 'rangeEnd', 'gateway')
  return parseRange(range)
}

const parseStatic = (fields: Fields): { range: AddressRange; address: string } => {
  const [first, ...others] = fields.objects('addresses')
  if (first === undefined || others.length > 0)
    throw unsupported(fields.at('addresses'), fields.get('addresses'), 'natspace gives one address of IPv4')
  first.allow('address', 'gateway')
  const text = first.text('address') ?? ''
  const prefix = parsePrefix(text)
  const subnet = networkOf(text)
  if (prefix === undefined || subnet === undefined || prefix.family === 6)
    throw badField(first.at('address'), text, 'it must be an address of IPv4 with its length')
  const range = parseRange(
    fields.with({
      subnet,
      rangeStart: prefix.address,
      rangeEnd: prefix.address,
      gateway: first.get('gateway'),
    }),
  )
  return { range, address: prefix.address }
}

const parseRoutes = (fields: Fields, ranges: readonly AddressRange[]): string[] | undefined => {
  const routes = fields.objects('routes')
  if (routes.length === 0) return undefined
  const destinations = routes.map(route => {
    route.allow('dst', 'gw')
    const text = route.text('dst') ?? ''
    const network = networkOf(text)
    if (network === undefined || network !== canonical(text))
      throw badField(route.at('dst'), text, 'it must be a network such as 0.0.0.0/0')
    if (network.includes(':')) throw unsupported(route.at('dst'), text, 'natspace routes IPv4 here')
    const gateway = route.text('gw')
    if (gateway !== undefined && !ranges.some(range => range.gateway === gateway))
      throw unsupported(route.at('gw'), gateway, 'there is one way out of a container: by its gateway')
    return network
  })
  return [...new Set(destinations)]
}

const canonical = (text: string): string | undefined => {
  const slash = text.lastIndexOf('/')
  const address = canonicalIp(text.slice(0, Math.max(slash, 0)))
  return address === undefined ? undefined : `${address}${text.slice(slash)}`
}
