/** From what a runtime asks for to what the engine is asked for: the name of the space, its spec, its address. */

import { Observation } from '../space/reconcile/observation.ts'
import type { Context } from '../space/reconcile/types.ts'
import { knownAddresses } from '../space/resources/elements.ts'
import type { SpaceSpec } from '../space/spec/types.ts'
import { validateSpec } from '../space/spec/validate.ts'
import { readSpaceRecord, recordedNames, type SpaceRecord } from '../space/state/records.ts'
import type { Configuration } from './configuration.ts'
import type { Endpoint } from './environment.ts'
import { CniError, cniCode } from './error.ts'
import { chooseAddress } from './ranges.ts'

/** What the specification calls an attachment: one interface of one container in one network. */
export type Identity = Endpoint & { network: string }

/**
 * The name of the space of an attachment: a function of what identifies it, so that taking away needs no notes. The
 * beginning of the container's own name is in it for people; the hash of all three for us.
 */
export const spaceNameOf = ({ network, container, interface: inner }: Identity): string =>
  `cni-${container.slice(0, 12)}-${hash(`${network}/${container}/${inner}`)}`

/** FNV-1a of 64 bits (RFC 9923) in base 36. Two that are alike are told apart by `isOf`. */
const hash = (text: string): string => {
  let value = 0xcbf29ce484222325n
  for (const byte of new TextEncoder().encode(text))
    value = ((value ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn
  return value.toString(36).padStart(13, '0')
}

/** Whether a record is that of an attachment. */
export const isOf = ({ space }: SpaceRecord, { network, container, interface: inner }: Identity): boolean =>
  space.attachment?.network === network &&
  space.attachment.container === container &&
  space.interface === inner

/** The spaces of a network, whatever containers they are for. */
export const recordsOf = ({ kernel, paths }: Context, network: string): SpaceRecord[] =>
  recordedNames(kernel, paths).flatMap(name => {
    const record = readSpaceRecord(kernel, paths, name)
    return record?.space.attachment?.network === network ? [record] : []
  })

/**
 * What the engine is to make. To be called under its lock, as it chooses an address that nobody has. Throws CniError 101
 * (there is one already), 102, 7; NatspaceError of a value that the engine does not take.
 */
export const specFor = (
  context: Context,
  identity: Identity,
  configuration: Configuration,
  namespacePath: string,
): SpaceSpec => {
  const name = spaceNameOf(identity)
  if (readSpaceRecord(context.kernel, context.paths, name) !== undefined)
    throw new CniError(
      cniCode.alreadyAttached,
      `${identity.container} has its interface ${identity.interface} in ${identity.network} already`,
      `space ${name}; DEL takes it away`,
    )
  const { network, container, interface: inner } = identity
  return {
    ...networkSpec(context, configuration, name, inner),
    attachment: { network, container, namespacePath },
  }
}

/** The same without a container: what an ADD would be asked for, as far as the network says it. */
export const networkSpec = (
  context: Context,
  { ipam, dns, mtu, policy, publish, rate }: Configuration,
  name: string,
  inner: string,
): SpaceSpec => {
  const spec = validateSpec(name, {
    ...policy,
    interface: inner,
    ipv6: 'off',
    publish,
    mtu,
    ...(ipam.ranges.length === 0 ? { address: ipam.address } : {}),
    ...(dns.nameservers === undefined ? {} : { dns: dns.nameservers }),
    ...(rate === undefined
      ? {}
      : { rate: { up: rate.up && `${rate.up}bit`, down: rate.down && `${rate.down}bit` } }),
  })
  const routed = ipam.routes === undefined ? spec : { ...spec, routes: ipam.routes }
  if (ipam.ranges.length === 0) return routed
  const { address, gateway } = chooseAddress(ipam.ranges, addressesInUse(context), ipam.address)
  return { ...routed, address, gateway: `${gateway}/32` }
}

/** Those of every space that is recorded, and those that the rules know of spaces without a record. */
const addressesInUse = (context: Context): Set<string> => {
  const { kernel, paths } = context
  const recorded = recordedNames(kernel, paths).flatMap(name => {
    const space = readSpaceRecord(kernel, paths, name)?.space
    return space === undefined ? [] : [space.address, space.gateway]
  })
  const known = knownAddresses(new Observation(kernel)).map(({ prefix }) => prefix.replace(/\/32$/, ''))
  return new Set([...recorded, ...known])
}
