import { isLinkLocal } from '../../linux/net/ip.ts'
import type { KeyField } from '../../linux/nftables/index.ts'
import { aliasOf } from '../marks.ts'
import type { Observation } from '../reconcile/observation.ts'
import { keyText } from '../ruleset/elements.ts'
import { seenElements } from '../ruleset/seen-table.ts'
import { namespacePath } from '../spec/names.ts'
import { formatPublish } from '../spec/publish.ts'
import type { PortRange, Publish, ResolvedSpace, Transport } from '../spec/types.ts'
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
  const gateway = seen
    .addresses(undefined)
    .get(host.index)
    ?.find(item => item.family === 4)
  const { address = '0.0.0.0', prefixLength = 32 } = gateway ?? {}
  const inside = memberOf(seen, 'source4', host.name) ?? '0.0.0.0'
  const uplink = memberOf(seen, 'via', host.name)
  const inside6 = memberOf(seen, 'source6', host.name)
  const gateway6 = seen
    .addresses(undefined)
    .get(host.index)
    ?.find(item => item.family === 6 && !isLinkLocal(item.address))
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
      network: `${address}/${prefixLength}`,
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

/** What a set says of a cable: the second field of its element. */
const memberOf = (seen: Observation, set: string, hostInterface: string): string | undefined => {
  for (const { key } of seenElements(seen, set).values()) if (key[0] === hostInterface) return String(key[1])
  return undefined
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
  const publishes = [address, address6].flatMap((target, index) =>
    target === undefined ? [] : publishedIn(seen, index === 0 ? 'publish4' : 'publish6', target),
  )
  // What every address of the host publishes stands in the maps of both families.
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
