/** What the plugins before this one have made (`prevResult`): CNI specification 1.1.0, section 5, "Success". */

import { canonicalIp } from '../linux/net/ip.ts'
import { parsePrefix } from '../linux/net/prefix.ts'
import { badField, type Fields } from './fields.ts'

/** One interface of a result; inside a container where it has a sandbox. */
export type PreviousInterface = { name: string; mac: string | undefined; sandbox: string | undefined }

/** An address, and the place in the list of the interface that it is on. */
export type PreviousAddress = {
  address: string
  prefixLength: number
  gateway: string | undefined
  interface: number | undefined
}

export type Previous = {
  interfaces: PreviousInterface[]
  addresses: PreviousAddress[]
  /** As it came, for whoever comes next. */
  whole: Readonly<Record<string, unknown>>
}

/** Reads `prevResult`; undefined without one. Throws CniError 7. */
export const parsePrevious = (fields: Fields): Previous | undefined => {
  const previous = fields.object('prevResult')
  if (previous === undefined) return undefined
  const interfaces = previous.objects('interfaces').map(item => ({
    name: item.text('name') ?? '',
    mac: item.text('mac') || undefined,
    sandbox: item.text('sandbox') || undefined,
  }))
  const addresses = previous.objects('ips').map(item => {
    const text = item.text('address') ?? ''
    const prefix = parsePrefix(text)
    if (prefix === undefined)
      throw badField(item.at('address'), text, 'it must be an address with its length')
    const gateway = item.text('gateway') || undefined
    const place = item.number('interface', 0, Number.MAX_SAFE_INTEGER)
    if (place !== undefined && place >= interfaces.length)
      throw badField(item.at('interface'), place, 'there is no interface at this place of the list')
    return {
      address: prefix.address,
      prefixLength: prefix.length,
      gateway: gateway === undefined ? undefined : (canonicalIp(gateway) ?? refuseGateway(item, gateway)),
      interface: place,
    }
  })
  previous.objects('routes')
  previous.object('dns')
  return { interfaces, addresses, whole: fields.get('prevResult') as Previous['whole'] }
}

const refuseGateway = (item: Fields, gateway: string): never => {
  throw badField(item.at('gateway'), gateway, 'it is no IP address')
}

/** The place in the list of an interface inside the container; undefined where nobody has made it yet. */
export const placeInside = ({ interfaces }: Previous, name: string): number | undefined => {
  const place = interfaces.findIndex(item => item.name === name && item.sandbox !== undefined)
  return place < 0 ? undefined : place
}

type Result = Readonly<Record<string, unknown>>

const listOf = (result: Result, key: string): Result[] => (result[key] ?? []) as Result[]

/** A result of natspace behind what others have made: their lists first, and each address still at its interface. */
export const mergeResults = ({ whole }: Previous, own: Result): Result => {
  const interfaces = listOf(whole, 'interfaces')
  const shifted = listOf(own, 'ips').map(item =>
    typeof item.interface === 'number' ? { ...item, interface: item.interface + interfaces.length } : item,
  )
  return {
    ...whole,
    ...own,
    interfaces: [...interfaces, ...listOf(own, 'interfaces')],
    ips: [...listOf(whole, 'ips'), ...shifted],
    routes: [...listOf(whole, 'routes'), ...listOf(own, 'routes')],
    dns: { ...(whole.dns as object | undefined), ...(own.dns as object | undefined) },
  }
}

/** The result of others with what natspace has changed of one interface, and with other resolvers where they are asked for. */
export const changedResult = (
  { whole }: Previous,
  place: number,
  { version, mac, mtu, dns }: { version: string; mac?: string; mtu?: number; dns: object },
): Result => ({
  ...whole,
  cniVersion: version,
  interfaces: listOf(whole, 'interfaces').map((item, index) =>
    index === place
      ? { ...item, ...(mac === undefined ? {} : { mac }), ...(mtu === undefined ? {} : { mtu }) }
      : item,
  ),
  dns: Object.keys(dns).length === 0 ? (whole.dns ?? {}) : dns,
})
