import { firstAddress, lastAddress, prefixContains } from '../../linux/net/prefix.ts'
import { canonicalKey, type KeyField, type NamedSet, type SetElement } from '../../linux/nftables/index.ts'
import { innerAddresses, isRouted } from '../spec/endpoints.ts'
import { boundAddress, isPublishedIn } from '../spec/publish.ts'
import type { Publish, ResolvedSpace } from '../spec/types.ts'
import type { StepName } from '../steps.ts'
import { egressKeys } from './egress-boxes.ts'
import { namedSets } from './named-sets.ts'

/**
 * A space is nothing but elements: the rules of the table are constant, and say what happens to members of the sets.
 * Pure: from a resolved space to the elements it has.
 */

/** One element of one of the table's sets or maps, and the step it belongs to. */
export type Membership = {
  set: string
  element: SetElement
  step: Extract<StepName, 'guard' | 'masquerade' | 'publish'>
}

/** All elements of a space. */
export const membershipsOf = (space: ResolvedSpace): Membership[] =>
  space.behind === undefined
    ? [...guardOf(space), ...(space.internal ? [] : masqueradeOf(space)), ...publishesOf(space)]
    : publishesOf(space)

const member = (step: Membership['step'], set: string, fields: KeyField[], data?: KeyField[]): Membership => {
  const key = canonicalKey(namedSets.get(set) as NamedSet, fields)
  return { set, element: data === undefined ? { key } : { key, data }, step }
}

const guardOf = (space: ResolvedSpace): Membership[] => {
  const { hostInterface, internal, uplink, connect, host, metadata, group } = space
  const guard = (set: string, ...key: KeyField[]) => member('guard', set, key)
  return [
    guard('spaces', hostInterface),
    ...innerAddresses(space).map(({ family, address }) => guard(`source${family}`, hostInterface, address)),
    ...insideOf(space).map(([set, address]) => guard(set, address)),
    ...networksBeside(space, 'accepted', space.accept),
    ...(group === undefined ? [] : [guard('siblings', hostInterface, group)]),
    ...(internal ? [guard('internal', hostInterface)] : []),
    ...(internal || uplink !== undefined || space.egress !== undefined ? [] : [guard('free', hostInterface)]),
    ...(uplink === undefined ? [] : [guard('pinned', hostInterface), guard('via', hostInterface, uplink)]),
    ...connect.map(peer => guard('connected', hostInterface, peer.hostInterface)),
    ...egressOf(space),
    ...(metadata ? [guard('metadata', hostInterface)] : []),
    ...(host === 'dns' ? [] : [guard(host === 'all' ? 'host_all' : 'host_none', hostInterface)]),
  ]
}

/** Every inside address, those of the host ends included, once, with the set of its family. */
const insideOf = (space: ResolvedSpace): [set: string, address: string][] => {
  const all = innerAddresses(space).flatMap(({ family, address, gateway }) =>
    [address, gateway].map((item): [string, string] => [`inside${family}`, item]),
  )
  return [...new Map(all.map(item => [item[1], item])).values()]
}

/**
 * The gateways that a space may have in common with others, as the texts of their elements: those of cables whose ends
 * share no subnet.
 */
export const sharedGateways = (space: ResolvedSpace): string[] =>
  innerAddresses(space)
    .filter(isRouted)
    .map(({ family, gateway }) => `inside${family} ${gateway}`)

/** Each inside address with each network of its family that lies outside; a set takes no interval twice. */
const networksBeside = (
  space: ResolvedSpace,
  set: 'accepted' | 'untranslated',
  networks: readonly string[] = [],
): Membership[] =>
  networks.length === 0
    ? []
    : innerAddresses(space).flatMap(({ family, address }) =>
        disjoint(networks, family).map(range =>
          member(set === 'accepted' ? 'guard' : 'masquerade', `${set}${family}`, [address, range]),
        ),
      )

/** The networks of one family as intervals, without those that lie in another. */
const disjoint = (networks: readonly string[], family: 4 | 6): KeyField[] => {
  const own = [...new Set(networks)].filter(network => network.includes(':') === (family === 6))
  return own
    .filter(network => !own.some(other => other !== network && prefixContains(other, network)))
    .map(network => ({ first: firstAddress(network) ?? '', last: lastAddress(network) ?? '' }))
}

const egressOf = ({ hostInterface, egress }: ResolvedSpace): Membership[] => {
  if (egress === undefined) return []
  const keys = (family: 4 | 6) =>
    egressKeys(egress, family).map(key => member('guard', `egress${family}`, [hostInterface, ...key]))
  return [
    member('guard', 'limited', [hostInterface]),
    member('guard', 'rejected', [hostInterface]),
    ...keys(4),
    ...keys(6),
  ]
}

const masqueradeOf = (space: ResolvedSpace): Membership[] => [
  ...innerAddresses(space).map(item => member('masquerade', `outbound${item.family}`, [item.address])),
  ...networksBeside(space, 'untranslated', space.untranslated),
  ...innerAddresses(space).flatMap(({ family, address }) => {
    const chosen = space.source?.[`ipv${family}`]
    return chosen === undefined ? [] : [member('masquerade', `snat${family}`, [address], [chosen])]
  }),
]

const publishesOf = (space: ResolvedSpace): Membership[] =>
  space.publish.length === 0
    ? []
    : [
        ...comingBackOf(space),
        ...space.publish.flatMap(publish => [claimOf(publish), ...publishOf(space, publish)]),
      ]

/** Who is to be answered by way of the host: the space itself, or all on the link that leads to a cable of others. */
const comingBackOf = ({ hostInterface, address, ipv6, behind }: ResolvedSpace): Membership[] => {
  if (behind === undefined) return [member('publish', 'hairpin', [hostInterface, hostInterface])]
  return [
    ...(address === '' ? [] : [member('publish', 'behind4', [hostInterface, address])]),
    ...(ipv6 === undefined ? [] : [member('publish', 'behind6', [hostInterface, ipv6.address])]),
  ]
}

/** All addresses of a family, as one interval: what is published by one family alone leaves the other free. */
export const wholeFamily = {
  4: { first: '0.0.0.0', last: '255.255.255.255' },
  6: { first: '::', last: 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff' },
} as const

/** The port cannot be the source of a translation. */
const claimOf = ({ protocol, hostAddress, hostPort }: Publish): Membership =>
  hostAddress === undefined
    ? member('publish', 'claimed', [protocol, { ...hostPort }])
    : member('publish', `claimed${hostAddress.includes(':') ? 6 : 4}`, [
        boundAddress({ hostAddress }) ?? { ...wholeFamily[hostAddress.includes(':') ? 6 : 4] },
        protocol,
        { ...hostPort },
      ])

/** Without an address of the host a port is published by every family that the space has. */
const publishOf = (space: ResolvedSpace, publish: Publish): Membership[] => [
  ...(space.address !== '' && isPublishedIn(4, publish) ? publishIn('publish4', space.address, publish) : []),
  ...(space.ipv6 !== undefined && isPublishedIn(6, publish)
    ? publishIn('publish6', space.ipv6.address, publish)
    : []),
]

/**
 * A single port is one element of a hash map. A range that keeps its numbers is one element too, of a map of intervals
 * that gives only the address; a range that is shifted has no such form and becomes one element a port.
 */
const publishIn = (map: string, address: string, publish: Publish): Membership[] => {
  const { protocol, hostPort, port } = publish
  const hostAddress = boundAddress(publish)
  const at = hostAddress === undefined ? '' : '_at'
  const before: KeyField[] = hostAddress === undefined ? [protocol] : [hostAddress, protocol]
  const isRange = hostPort.last > hostPort.first
  if (isRange && hostPort.first === port.first)
    return [member('publish', `${map}_range${at}`, [...before, { ...hostPort }], [address])]
  return Array.from({ length: hostPort.last - hostPort.first + 1 }, (_, offset) =>
    member('publish', `${map}${at}`, [...before, hostPort.first + offset], [address, port.first + offset]),
  )
}

/** A text that tells elements of one set apart. */
export const keyText = (key: readonly KeyField[]): string => {
  const [first, ...rest] = key
  if (first === undefined) return ''
  let text = fieldText(first)
  for (const field of rest) text += ` . ${fieldText(field)}`
  return text
}

const fieldText = (field: KeyField): string => {
  if (typeof field !== 'object') return String(field)
  return 'beginning' in field ? `${field.beginning}*` : `${field.first}-${field.last}`
}
