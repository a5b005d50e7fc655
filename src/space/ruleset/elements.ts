import { canonicalKey, type KeyField, type NamedSet, type SetElement } from '../../linux/nftables/index.ts'
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
export const membershipsOf = (space: ResolvedSpace): Membership[] => [
  ...guardOf(space),
  ...(space.internal ? [] : masqueradeOf(space)),
  ...publishesOf(space),
]

const member = (step: Membership['step'], set: string, fields: KeyField[], data?: KeyField[]): Membership => {
  const key = canonicalKey(namedSets.get(set) as NamedSet, fields)
  return { set, element: data === undefined ? { key } : { key, data }, step }
}

const guardOf = (space: ResolvedSpace): Membership[] => {
  const { hostInterface, address, gateway, ipv6, internal, uplink, connect, host, metadata } = space
  const guard = (set: string, ...key: KeyField[]) => member('guard', set, key)
  return [
    guard('spaces', hostInterface),
    guard('source4', hostInterface, address),
    guard('inside4', address),
    guard('inside4', gateway),
    ...(ipv6 === undefined
      ? []
      : [
          guard('source6', hostInterface, ipv6.address),
          guard('inside6', ipv6.address),
          guard('inside6', ipv6.gateway),
        ]),
    ...(internal ? [guard('internal', hostInterface)] : []),
    ...(internal || uplink !== undefined || space.egress !== undefined ? [] : [guard('free', hostInterface)]),
    ...(uplink === undefined ? [] : [guard('pinned', hostInterface), guard('via', hostInterface, uplink)]),
    ...connect.map(peer => guard('connected', hostInterface, peer.hostInterface)),
    ...egressOf(space),
    ...(metadata ? [guard('metadata', hostInterface)] : []),
    ...(host === 'dns' ? [] : [guard(host === 'all' ? 'host_all' : 'host_none', hostInterface)]),
  ]
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

const masqueradeOf = ({ address, ipv6, source }: ResolvedSpace): Membership[] => [
  member('masquerade', 'outbound4', [address]),
  ...(source?.ipv4 === undefined ? [] : [member('masquerade', 'snat4', [address], [source.ipv4])]),
  ...(ipv6 === undefined ? [] : [member('masquerade', 'outbound6', [ipv6.address])]),
  ...(ipv6 === undefined || source?.ipv6 === undefined
    ? []
    : [member('masquerade', 'snat6', [ipv6.address], [source.ipv6])]),
]

const publishesOf = (space: ResolvedSpace): Membership[] =>
  space.publish.length === 0
    ? []
    : [
        member('publish', 'hairpin', [space.hostInterface, space.hostInterface]),
        ...space.publish.flatMap(publish => [claimOf(publish), ...publishOf(space, publish)]),
      ]

/** The port cannot be the source of a translation. */
const claimOf = ({ protocol, hostAddress, hostPort }: Publish): Membership =>
  hostAddress === undefined
    ? member('publish', 'claimed', [protocol, { ...hostPort }])
    : member('publish', `claimed${hostAddress.includes(':') ? 6 : 4}`, [
        hostAddress,
        protocol,
        { ...hostPort },
      ])

/** Without an address of the host a port is published by every family that the space has. */
const publishOf = (space: ResolvedSpace, publish: Publish): Membership[] => [
  ...(publish.hostAddress?.includes(':') ? [] : publishIn('publish4', space.address, publish)),
  ...(space.ipv6 === undefined || (publish.hostAddress !== undefined && !publish.hostAddress.includes(':'))
    ? []
    : publishIn('publish6', space.ipv6.address, publish)),
]

/**
 * A single port is one element of a hash map. A range that keeps its numbers is one element too, of a map of intervals
 * that gives only the address; a range that is shifted has no such form and becomes one element a port.
 */
const publishIn = (map: string, address: string, publish: Publish): Membership[] => {
  const { protocol, hostAddress, hostPort, port } = publish
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
export const keyText = (key: readonly KeyField[]): string =>
  key
    .map(field => {
      if (typeof field !== 'object') return String(field)
      return 'beginning' in field ? `${field.beginning}*` : `${field.first}-${field.last}`
    })
    .join(' . ')
