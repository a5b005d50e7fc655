import type { Change, Where } from '../../linux/change.ts'
import type { Link } from '../../linux/rtnetlink/link.ts'
import { interfaceSysctl } from '../../linux/sysctl.ts'
import { NatspaceError } from '../errors.ts'
import { macOf } from '../mac.ts'
import { aliasOf } from '../marks.ts'
import type { Observation } from '../reconcile/observation.ts'
import type { Drift, Operation } from '../reconcile/operation.ts'
import { quote } from '../spec/quote.ts'
import type { ResolvedSpace } from '../spec/types.ts'
import type { Planner, Resource } from './resource.ts'

/**
 * The cable: a veth pair with one end on the host and the other in the namespace, both with our alias, and with the
 * settings that must hold before the first packet. Both ends are created down and brought up by their address.
 * One that is adopted is another's still, and does not bear our mark yet.
 * Equivalent to: `ip link add HOST type veth peer name INNER netns NAME`
 */
export const cableResource = (
  space: ResolvedSpace,
  alias: string = aliasOf(space.name),
  isAdopted = false,
): Resource => {
  const { name, hostInterface, interface: inner, namespacePath, group } = space
  const id = `cable ${hostInterface}--${inner}`

  const isRight = (end: Link) => isAdopted || end.alias === alias

  const drift = (seen: Observation): Drift[] => {
    const host = seen.link(undefined, hostInterface)
    if (host === undefined) return [differs('there', 'no such link')]
    if (!isRight(host)) return [differs(`alias ${alias}`, `alias ${quote(host.alias ?? 'none')}`)]
    const peer = seen.link(namespacePath, inner)
    if (peer === undefined || peer.index !== host.peer)
      return [differs(`its other end is ${inner} in ${name}`, 'it is not')]
    const found: Drift[] = []
    if (group !== undefined && host.group !== group)
      found.push(differs(`group ${group} on ${host.name}`, `group ${host.group ?? 0}`))
    if (!isRight(peer))
      found.push(differs(`alias ${alias} on ${inner}`, `alias ${quote(peer.alias ?? 'none')}`))
    for (const link of [host, peer])
      if (link.mtu !== space.mtu) found.push(differs(`MTU ${space.mtu} on ${link.name}`, `MTU ${link.mtu}`))
    for (const { where, key, value } of settings(space)) {
      const current = seen.sysctl(where, key)
      if (current !== undefined && current !== value)
        found.push(differs(`${key} = ${value}`, `${key} = ${current}`))
    }
    return found
  }

  const differs = (expected: string, found: string): Drift => ({
    resource: id,
    step: 'cable',
    space: name,
    expected,
    found,
  })

  return {
    id,
    step: 'cable',
    phase: 'cable',
    space: name,
    drift,
    add(seen, planner) {
      const host = planner.link(undefined, hostInterface)
      const peer = planner.link(namespacePath, inner)
      const whole = host !== undefined && isRight(host) && peer !== undefined && peer.index === host.peer
      if (whole) return mend(space, isAdopted ? undefined : alias, seen, host, peer)
      if (host !== undefined && host.alias !== alias) throw taken(space, 'this host', hostInterface, host)
      if (peer !== undefined && peer.alias !== alias) throw taken(space, `the namespace ${name}`, inner, peer)
      // One end alone, or two that do not belong together: what is left of a cable of ours.
      const leftovers = []
      if (host !== undefined) leftovers.push(deletion(undefined, host, name))
      if (peer !== undefined) leftovers.push(deletion(namespacePath, peer, name))
      return [...leftovers, ...create(space, alias, planner, seen)]
    },
    remove(seen, planner) {
      const host = seen.link(undefined, hostInterface)
      const peer = seen.link(namespacePath, inner)
      planner.remove(undefined, hostInterface)
      planner.remove(namespacePath, inner)
      if (host !== undefined && host.alias === alias) return [deletion(undefined, host, name)]
      return peer !== undefined && peer.alias === alias ? [deletion(namespacePath, peer, name)] : []
    },
  }
}

type Setting = { where: Where; key: string; value: string }

/** With a smaller MTU (RFC 8200 section 5, in bytes) a link has no IPv6, and no sysctls of it either. */
const leastMtu6 = 1280

/**
 * What must hold on the cable before it is up: no IPv6 where the space has none (otherwise both ends give themselves
 * an address and the host takes router advertisements from inside); no redirects either way; no foreign source.
 */
const settings = (space: ResolvedSpace): Setting[] => {
  const { hostInterface: host } = space
  const ipv4 = (leaf: string, value: string): Setting => ({
    where: undefined,
    key: interfaceSysctl('ipv4', host, leaf),
    value,
  })
  return [
    ...settings6(space),
    ipv4('send_redirects', '0'),
    ipv4('accept_redirects', '0'),
    ipv4('rp_filter', '1'),
    // Lets connections of this host to 127.0.0.1:PORT be led inside; the guard drops every other packet with 127/8.
    ...(space.publish.length > 0 ? [ipv4('route_localnet', '1')] : []),
    // Of a container another plugin behind natspace may publish ports, and turn it on.
    ...(space.publish.length > 0 || space.attachment !== undefined ? [] : [ipv4('route_localnet', '0')]),
  ]
}

/** Each with the value that a new link has by itself where nobody changed the defaults. */
const settings6 = ({
  hostInterface,
  interface: inner,
  namespacePath,
  mtu,
  ipv6,
}: ResolvedSpace): Setting[] => {
  if (mtu < leastMtu6) return []
  const on = (where: Where, name: string, leaf: string, value: string): Setting => ({
    where,
    key: interfaceSysctl('ipv6', name, leaf),
    value,
  })
  const host = (leaf: string, value: string) => on(undefined, hostInterface, leaf, value)
  const inside = (leaf: string, value: string) => on(namespacePath, inner, leaf, value)
  if (ipv6 === undefined) return [host('disable_ipv6', '1'), inside('disable_ipv6', '1')]
  return [
    host('accept_ra', '0'),
    host('autoconf', '0'),
    host('accept_redirects', '0'),
    // Nobody else is on the cable, and until the check were over neighbours could not be asked for.
    host('accept_dad', '0'),
    // Where the kernel has it: forwards what comes out of the cable, though the host forwards nothing else.
    host('force_forwarding', '1'),
    inside('accept_ra', '0'),
    inside('accept_dad', '0'),
    host('disable_ipv6', '0'),
    inside('disable_ipv6', '0'),
  ]
}

/** What a veth pair has by itself, in bytes. */
const defaultMtu = 1500

/** The operations that make a new cable, with the settings that a new link does not have by itself. */
const create = (space: ResolvedSpace, alias: string, planner: Planner, seen: Observation): Operation[] => {
  const { name, hostInterface, interface: inner, namespacePath, group } = space
  const mtu = space.mtu === defaultMtu ? undefined : space.mtu
  const index = planner.reserveIndex(undefined, hostInterface)
  const peerIndex = planner.reserveIndex(namespacePath, inner)
  const hostEnd = { where: undefined, name: hostInterface, index }
  const innerEnd = { where: namespacePath, name: inner, index: peerIndex }
  const operations: Operation[] = [
    {
      change: {
        type: 'veth.add',
        ...hostEnd,
        address: macOf(name, 'host'),
        mtu,
        peer: { ...innerEnd, address: space.tuning?.mac ?? macOf(name, 'inner'), mtu },
      },
      undo: [{ type: 'link.delete', ...hostEnd }],
      step: 'cable',
      space: name,
    },
    {
      change: { type: 'link.set', ...hostEnd, alias, ...(group === undefined ? {} : { group }) },
      undo: [],
      step: 'cable',
      space: name,
    },
  ]
  for (const { where, key, value } of settings(space)) {
    // A new link takes its values from `default`; a folder that is missing there is missing everywhere.
    const byDefault = seen.sysctl(undefined, defaultKey(key))
    if (byDefault === undefined || (where === undefined && byDefault === value)) continue
    operations.push({
      change: { type: 'sysctl.set', where, key, value },
      undo: [],
      step: 'cable',
      space: name,
    })
  }
  operations.push({ change: { type: 'link.set', ...innerEnd, alias }, undo: [], step: 'plug', space: name })
  return operations
}

const defaultKey = (key: string): string =>
  key.replace(/^(net\.ipv[46]\.conf)\..*\.([^.]+)$/, '$1.default.$2')

/** Brings an existing cable to what it should be; without an alias, all but the mark. */
const mend = (
  space: ResolvedSpace,
  alias: string | undefined,
  seen: Observation,
  host: Link,
  peer: Link,
): Operation[] => {
  const { name, namespacePath, mtu, group } = space
  const operations: Operation[] = []
  if (group !== undefined && host.group !== group) {
    const end = { type: 'link.set', where: undefined, name: host.name, index: host.index } as const
    operations.push({
      change: { ...end, group },
      undo: [{ ...end, group: host.group ?? 0 }],
      step: 'cable',
      space: name,
    })
  }
  const ends = [
    { where: undefined, link: host },
    { where: namespacePath, link: peer },
  ]
  for (const { where, link } of ends) {
    const end = { where, name: link.name, index: link.index }
    if (link.mtu !== mtu)
      operations.push({
        change: { type: 'link.set', ...end, mtu },
        undo: [{ type: 'link.set', ...end, mtu: link.mtu }, ...again6(where, link.name, link.mtu, mtu)],
        step: 'cable',
        space: name,
      })
    if (alias !== undefined && link.alias !== alias)
      operations.push({
        change: { type: 'link.set', ...end, alias },
        undo: [{ type: 'link.set', ...end, alias: link.alias ?? '' }],
        step: 'plug',
        space: name,
      })
  }
  const grows = mtu >= leastMtu6
  const comes6 = ends.flatMap(({ where, link }) =>
    grows && link.mtu < leastMtu6 ? settings6(space).filter(setting => setting.where === where) : [],
  )
  for (const { where, key, value } of settings(space)) {
    const current = seen.sysctl(where, key)
    if (current === value) continue
    // What is missing now comes with a larger MTU, with the value of a new link.
    const comes = comes6.some(setting => setting.key === key && setting.where === where)
    if (current === undefined && !comes) continue
    operations.push({
      change: { type: 'sysctl.set', where, key, value },
      undo: current === undefined ? [] : [{ type: 'sysctl.set', where, key, value: current }],
      step: 'cable',
      space: name,
    })
  }
  return operations
}

/** What has to be set again when a link gets back an MTU with which it has IPv6. */
const again6 = (where: Where, name: string, before: number, after: number): Change[] =>
  before >= leastMtu6 && after < leastMtu6
    ? [{ type: 'sysctl.set', where, key: interfaceSysctl('ipv6', name, 'disable_ipv6'), value: '1' }]
    : []

const deletion = (where: Where, link: Link, space: string): Operation => ({
  change: { type: 'link.delete', where, name: link.name, index: link.index },
  undo: [],
  step: 'cable',
  space,
})

const taken = (space: ResolvedSpace, place: string, wanted: string, link: Link): NatspaceError =>
  new NatspaceError({
    code: 'INTERFACE_TAKEN',
    exit: 2,
    what: `cannot create ${wanted} for the space ${space.name}`,
    why: `${place} has a link of that name already, and natspace did not make it`,
    evidence: [
      `link ${link.index}: ${quote(link.name)}, ${link.kind ?? 'hardware'}, alias ${quote(link.alias ?? 'none')}`,
    ],
    fix: [
      place === 'this host'
        ? 'choose another name with --host-interface NAME'
        : 'choose another name for the inner end with --interface NAME',
    ],
  })
