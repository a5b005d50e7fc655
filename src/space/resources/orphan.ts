import { isLinkLocal } from '../../linux/net/ip.ts'
import type { KeyField } from '../../linux/nftables/index.ts'
import type { Address } from '../../linux/rtnetlink/address.ts'
import { aliasOf } from '../marks.ts'
import type { Observation } from '../reconcile/observation.ts'
import { keyText } from '../ruleset/elements.ts'
import { seenElements } from '../ruleset/seen-table.ts'
import { wholeLength } from '../spec/endpoints.ts'
import { namespacePath } from '../spec/names.ts'
import { formatPublish } from '../spec/publish.ts'
import type { Endpoint, PortRange, Publish, ResolvedSpace, Transport } from '../spec/types.ts'
import { newSpaceRecord, type SpaceRecord } from '../state/records.ts'
import { isMarked } from './namespace.ts'

/**
 * A record made up from the marks alone, for a space whose record is lost: its host end bears our alias, and the sets of
 * our table say the rest. Whether natspace made the namespace says the alias of its loopback. Undefined when there is no
 * cable with the mark; `owner` as in `StatePaths`.
 */
export const orphanOf = (
  seen: Observation,
  bootId: string,
  name: string,
  owner = '',
): SpaceRecord | undefined => {
  const mark = aliasOf(name, owner)
  const host = [...seen.links(undefined).values()].find(link => link.alias === mark)
  if (host === undefined) return undefined
  const where = namespacePath(name)
  const inner = [...seen.links(where).values()].find(link => !link.loopback && link.alias === mark)
  const ends = (seen.addresses(undefined).get(host.index) ?? []).filter(item => !isLinkLocal(item.address))
  const gateway = ends.find(item => item.family === 4)
  const [sources4, sources6] = ([4, 6] as const).map(family => sourcesOf(seen, family, host.name))
  const [inside6] = sources6 ?? []
  // Without any address of its own it is one that has lost it, and not one of IPv6 alone.
  const nothing = inside6 === undefined ? '0.0.0.0' : ''
  const { address = nothing, prefixLength = 32 } = gateway ?? {}
  const [inside = nothing] = sources4 ?? []
  const [uplink] = membersOf(seen, 'via', host.name).map(String)
  const gateway6 = ends.find(item => item.family === 6)
  const further = [...(sources4 ?? []).slice(1), ...(sources6 ?? []).slice(1)]
  const all = [inside, ...(inside6 === undefined ? [] : [inside6]), ...further]
  const [group] = membersOf(seen, 'siblings', host.name)
  const has = (set: string) => seenElements(seen, set).has(keyText([host.name]))
  return newSpaceRecord(
    bootId,
    {
      name,
      namespacePath: where,
      hostInterface: host.name,
      interface: inner?.name ?? 'eth0',
      gateway: address,
      address: inside,
      prefixLength,
      network: address === '' ? '' : `${address}/${prefixLength}`,
      ...(inside6 === undefined
        ? {}
        : {
            ipv6: {
              gateway: gateway6?.address ?? '::',
              address: inside6,
              prefixLength: gateway6?.prefixLength ?? 128,
              network: `${gateway6?.address ?? '::'}/${gateway6?.prefixLength ?? 128}`,
            },
          }),
      ...(further.length === 0
        ? {}
        : { further: further.map(item => endpointOf(item, ends, item.includes(':') ? 6 : 4)) }),
      ...networksOf(seen, 'untranslated', all),
      ...networksOf(seen, 'accept', all),
      ...(typeof group === 'number' ? { group } : {}),
      ...(uplink === undefined ? {} : { uplink }),
      ...sourceOf(seen, inside, inside6),
      publish: publishedTo(seen, inside, inside6),
      mtu: host.mtu,
      internal: has('internal'),
      connect: [...seenElements(seen, 'connected').values()].flatMap(({ key }) =>
        key[0] === host.name ? [{ name: '', hostInterface: String(key[1]), address: '0.0.0.0' }] : [],
      ),
      host: has('host_all') ? 'all' : has('host_none') ? 'none' : 'dns',
      metadata: has('metadata'),
      // Rules in other firewalls bear the name of the space: with it they are looked for, and go with it.
      fixFirewall: true,
    },
    isMarked(seen, where, mark),
  )
}

/** What a set says of a cable or an address: the second fields of its elements. */
const membersOf = (seen: Observation, set: string, first: string): KeyField[] =>
  [...seenElements(seen, set).values()].flatMap(({ key }) =>
    key[0] === first && key[1] !== undefined ? [key[1]] : [],
  )

/** The addresses that may come out of a cable, those first that published ports lead to. */
const sourcesOf = (seen: Observation, family: 4 | 6, hostInterface: string): string[] => {
  const sources = membersOf(seen, `source${family}`, hostInterface).map(String)
  if (sources.length < 2) return sources
  const isLedTo = (address: string) => publishedIn(seen, `publish${family}`, address).length > 0
  return sources.toSorted((one, other) => Number(isLedTo(other)) - Number(isLedTo(one)))
}

/** An address beside the first one of its family; which of the gateways was its own is of no matter when all of it goes. */
const endpointOf = (address: string, ends: readonly Address[], family: 4 | 6): Endpoint => {
  const [first, second] = ends.filter(item => item.family === family)
  return {
    address,
    gateway: (second ?? first)?.address ?? '',
    subnet: `${address}/${wholeLength[family]}`,
  }
}

/** The networks outside that a set names beside the addresses of a space. */
const networksOf = (
  seen: Observation,
  field: 'untranslated' | 'accept',
  addresses: readonly string[],
): { untranslated?: string[]; accept?: string[] } => {
  const name = field === 'accept' ? 'accepted' : field
  const networks = addresses.flatMap(address =>
    membersOf(seen, `${name}${address.includes(':') ? 6 : 4}`, address).map(networkOfField),
  )
  return networks.length === 0 ? {} : { [field]: [...new Set(networks)] }
}

/** A network is read as a prefix, or as an address where it is one alone. */
const networkOfField = (field: KeyField): string => {
  const text = String(field)
  return text.includes('/') ? text : `${text}/${wholeLength[text.includes(':') ? 6 : 4]}`
}

/** The addresses that packets of the space leave with, where they were chosen. */
const sourceOf = (
  seen: Observation,
  inside: string,
  inside6: string | undefined,
): Pick<ResolvedSpace, 'source'> => {
  const chosen = (set: string, address: string | undefined): string | undefined => {
    const data = address === undefined ? undefined : seenElements(seen, set).get(address)?.data
    return Array.isArray(data) ? String(data[0]) : undefined
  }
  const [ipv4, ipv6] = [chosen('snat4', inside), chosen('snat6', inside6)]
  if (ipv4 === undefined && ipv6 === undefined) return {}
  return { source: { ...(ipv4 === undefined ? {} : { ipv4 }), ...(ipv6 === undefined ? {} : { ipv6 }) } }
}

/** The ports that lead to an inside address. */
const publishedTo = (seen: Observation, address: string, address6: string | undefined): Publish[] => {
  if (address6 === undefined) return publishedIn(seen, 'publish4', address)
  const both = [publishedIn(seen, 'publish4', address), publishedIn(seen, 'publish6', address6)] as const
  const texts = both.map(list => new Set(list.map(formatPublish)))
  // What every address of the host publishes stands in the maps of both families; else it is every address of one.
  const publishes = both.flatMap((list, index) =>
    list.map(item =>
      item.hostAddress !== undefined || texts[1 - index]?.has(formatPublish(item))
        ? item
        : { ...item, hostAddress: index === 0 ? '0.0.0.0' : '::' },
    ),
  )
  return [...new Map(publishes.map(publish => [formatPublish(publish), publish])).values()]
}

const publishedIn = (seen: Observation, map: string, address: string): Publish[] =>
  [map, `${map}_at`, `${map}_range`, `${map}_range_at`].flatMap(set =>
    [...seenElements(seen, set).values()].flatMap(({ key, data }) => {
      const [target, port] = Array.isArray(data) ? data : []
      if (target !== address) return []
      const [protocol, outer] = key.slice(-2)
      const hostPort = rangeOf(outer)
      return [
        {
          protocol: String(protocol) as Transport,
          ...(key.length > 2 ? { hostAddress: String(key[0]) } : {}),
          hostPort,
          port: port === undefined ? hostPort : rangeOf(port),
        },
      ]
    }),
  )

const rangeOf = (field: KeyField | undefined): PortRange =>
  typeof field === 'object' && 'first' in field
    ? { first: Number(field.first), last: Number(field.last) }
    : { first: Number(field), last: Number(field) }
