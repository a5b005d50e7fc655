/**
 * The part `ipam` of a configuration. What host-local and static do natspace does itself; any other type is a plugin that
 * is asked for the addresses.
 */

import { canonicalIp } from '../linux/net/ip.ts'
import { networkOf, parsePrefix } from '../linux/net/prefix.ts'
import type { Endpoint, SpaceRoute } from '../space/spec/types.ts'
import { badField, type Fields, unsupported } from './fields.ts'
import { type AddressRange, isIn, overlapOf, parseRange, usualGateway, wantedOf } from './ranges.ts'
import { parseRoutes } from './routes.ts'

export type Ipam = {
  /** The plugin that gives the addresses; absent: natspace itself. */
  delegate?: string
  /** Sets of ranges: a container gets an address of each. */
  sets: AddressRange[][]
  /** Addresses that are written out. With neither of both natspace chooses a network of its own for each container. */
  fixed: Endpoint[]
  /** Addresses of the ranges that are asked for. */
  wanted: string[]
  /** What leads by the gateways; undefined: everything, of each family that the container has. */
  routes?: SpaceRoute[]
}

/** Addresses that are asked for beside the configuration, perhaps with a length. */
export type Asked = {
  /** `IP` in CNI_ARGS, with commas between. */
  environment?: string | undefined
  /** `args.cni.ips` */
  arguments?: readonly string[]
  /** `runtimeConfig.ips` */
  runtime?: readonly string[]
}

/** The place of what an address is of, among the sets of ranges or the addresses that are written out. */
export const placeIn = ({ sets, fixed }: Ipam, address: string): number =>
  Math.max(
    sets.findIndex(ranges => ranges.some(range => isIn(range, address))),
    fixed.findIndex(item => item.address === address),
  )

const builtIn = ['natspace', 'host-local', 'static']

/** What may name an executable in a folder: never a path (CVE-2021-20206). */
const isPluginName = (name: string): boolean =>
  /^[A-Za-z0-9._-]{1,255}$/.test(name) && name !== '.' && name !== '..'

/** The plugin that a configuration leaves the addresses to; undefined where that is none, or nothing that can be read. */
export const delegateIn = (ipam: unknown): string | undefined => {
  if (typeof ipam !== 'object' || ipam === null) return undefined
  const { type, delegate }: { type?: unknown; delegate?: unknown } = ipam
  if (typeof type !== 'string' || !isPluginName(type) || type === 'natspace') return undefined
  return builtIn.includes(type) && delegate !== true ? undefined : type
}

/** Reads `ipam`. Throws CniError 2, 7. */
export const parseIpam = (fields: Fields | undefined, asked: Asked = {}): Ipam => {
  const type = fields?.text('type') ?? 'natspace'
  if (!isPluginName(type))
    throw badField('ipam.type', type, 'a plugin has letters, digits, ., _ and - in its name')
  const isDelegated = fields?.flag('delegate') === true
  if (isDelegated && type === 'natspace')
    throw badField('ipam.delegate', true, 'natspace leaves nothing to itself; name a plugin in ipam.type')
  // What is in it is the plugin's.
  if (isDelegated || !builtIn.includes(type)) return { delegate: type, sets: [], fixed: [], wanted: [] }
  if (type === 'static' && fields !== undefined) return parseStatic(fields, asked)
  return parsePool(fields, type, asked)
}

const parsePool = (fields: Fields | undefined, type: string, from: Asked): Ipam => {
  for (const key of ['dataDir', 'resolvConf'])
    if (fields?.get(key) !== undefined)
      throw unsupported(
        fields.at(key),
        fields.get(key),
        'natspace keeps the addresses itself; "delegate": true beside it has the plugin host-local do it',
      )
  fields?.allow('type', 'delegate', 'subnet', 'rangeStart', 'rangeEnd', 'gateway', 'ranges', 'routes')
  const sets = fields === undefined ? [] : parseSets(fields)
  const { environment, arguments: fromArguments = [], runtime = [] } = from
  const wanted = [...(environment === undefined ? [] : environment.split(',')), ...fromArguments, ...runtime]
  const asked = [...new Set(wanted.map(withoutLength))]
  if (sets.length > 0) wantedOf(sets, asked)
  else if (asked.length > 1 || asked.some(address => address.includes(':')))
    throw badField('the addresses', asked, 'without ranges in ipam it can be one of IPv4 alone')
  const gateways = sets.flat().map(range => range.gateway)
  const routes = routesIn(fields, type, sets.length === 0 ? ['0.0.0.0'] : gateways)
  return {
    sets,
    fixed: [],
    wanted: asked,
    ...(routes === undefined ? {} : { routes }),
  }
}

/** host-local and static route nothing by themselves, and so they do here. */
const routesIn = (
  fields: Fields | undefined,
  type: string,
  gateways: readonly string[],
): SpaceRoute[] | undefined => {
  const routes = fields?.objects('routes') ?? []
  return routes.length === 0 && type === 'natspace' ? undefined : parseRoutes(routes, gateways)
}

const parseSets = (fields: Fields): AddressRange[][] => {
  const written = fields.list('ranges')
  const single = ['subnet', 'rangeStart', 'rangeEnd', 'gateway'].some(key => fields.get(key) !== undefined)
  if (single && written.length > 0)
    throw badField(fields.at('ranges'), written, 'there is a subnet beside it: write one of both')
  if (single) return [[parseRange(fields)]]
  const sets = written.map((set, index) => {
    const place = `ranges[${index}]`
    if (!Array.isArray(set) || set.length === 0)
      throw badField(fields.at(place), set, 'it must be a list of ranges')
    const ranges = fields.objectsOf(set, place).map(range => {
      range.allow('subnet', 'rangeStart', 'rangeEnd', 'gateway')
      return parseRange(range)
    })
    if (ranges.some(({ family }) => family !== ranges[0]?.family))
      throw badField(fields.at(place), set, 'the ranges of a set must be of one family')
    return ranges
  })
  const overlap = overlapOf(sets.flat())
  if (overlap !== undefined)
    throw badField(fields.at('ranges'), overlap[1].subnet, `it has addresses of ${overlap[0].subnet} as well`)
  return sets
}

/** What the runtime asks for comes in the place of what is written, as with the plugin static. */
const parseStatic = (fields: Fields, asked: Asked): Ipam => {
  fields.allow('type', 'delegate', 'addresses', 'routes')
  const written = fields.objects('addresses').map(item => {
    item.allow('address', 'gateway')
    return parseFixed(item.text('address') ?? '', item.text('gateway'), item.at('address'))
  })
  const { environment, arguments: fromArguments = [], runtime = [] } = asked
  const known = new Set(written.map(item => item.address))
  const more = (environment ?? '').split(',').filter(text => text !== '' && !known.has(withoutLength(text)))
  const instead = [runtime, fromArguments].find(list => list.length > 0)
  const fixed = [
    ...(instead === undefined ? written : instead.map(text => sameAs(written, text))),
    ...more.map(text => parseFixed(text, undefined, 'IP')),
  ]
  const [first] = fixed
  if (first === undefined)
    throw badField(fields.at('addresses'), fields.get('addresses'), 'there must be an address')
  const double = fixed.find((item, index) => fixed.slice(0, index).some(one => one.address === item.address))
  if (double !== undefined) throw badField(fields.at('addresses'), double.address, 'it is there twice')
  const routes = routesIn(
    fields,
    'static',
    fixed.map(item => item.gateway),
  )
  return { sets: [], fixed, wanted: [], ...(routes === undefined ? {} : { routes }) }
}

/** An address that is written out needs no length where it is asked for. */
const sameAs = (written: readonly Endpoint[], text: string): Endpoint =>
  written.find(({ address }) => address === withoutLength(text)) ?? parseFixed(text, undefined, 'the address')

const parseFixed = (text: string, gateway: string | undefined, place: string): Endpoint => {
  const prefix = parsePrefix(text)
  const subnet = networkOf(text)
  if (prefix === undefined || subnet === undefined)
    throw badField(place, text, 'it must be an address with its length, such as 10.88.0.5/16')
  return endpointOf({ address: prefix.address, subnet, gateway }, place)
}

/**
 * One address and its way out. Without a gateway it is the first host of the subnet. Throws CniError 7 where that cannot
 * be, as for an address that is all of its subnet.
 */
export const endpointOf = (
  { address, subnet, gateway }: { address: string; subnet: string; gateway?: string | undefined },
  place: string,
): Endpoint => {
  const way = gateway ? canonicalIp(gateway) : usualGateway(subnet, address)
  if (way === undefined || way === address || way.includes(':') !== address.includes(':'))
    throw badField(place, gateway ?? address, 'it needs a gateway of its family, which is another address')
  return { address, gateway: way, subnet }
}

const withoutLength = (text: string): string => {
  const address = canonicalIp(text.trim().replace(/\/\d{1,3}$/, ''))
  if (address === undefined) throw badField('the address', text, 'it is no IP address')
  return address
}
