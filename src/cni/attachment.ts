/** From what a runtime asks for to what the engine is asked for: the name of the space, its spec, its address. */

import { NatspaceError } from '../space/errors.ts'
import { Observation } from '../space/reconcile/observation.ts'
import type { Context } from '../space/reconcile/types.ts'
import { knownAddresses } from '../space/resources/elements.ts'
import type { RawSpec, SpaceSpec } from '../space/spec/types.ts'
import { validateSpec } from '../space/spec/validate.ts'
import { readSpaceRecord, recordedNames, type SpaceRecord } from '../space/state/records.ts'
import type { Configuration } from './configuration.ts'
import type { Endpoint } from './environment.ts'
import { CniError, cniCode, cniErrorOf } from './error.ts'
import type { Ipam } from './ipam.ts'
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
 * What a network asks of the engine for one interface, all but the address: pure. Throws CniError 7 for a value that the
 * engine does not take.
 */
export const baseSpec = (
  { ipam, dns, mtu, policy, publish, rate }: Configuration,
  name: string,
  inner: string,
): SpaceSpec => {
  const raw: RawSpec = {
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
  }
  try {
    const spec = validateSpec(name, raw)
    return ipam.routes === undefined ? spec : { ...spec, routes: ipam.routes }
  } catch (error) {
    if (!(error instanceof NatspaceError)) throw error
    const { message, details } = cniErrorOf(error)
    throw new CniError(cniCode.configuration, message, details)
  }
}

/**
 * The spec with an address that nobody has. To be called under the lock of the engine, or for a look alone. Throws
 * CniError 102, 7.
 */
export const withAddress = (
  context: Context,
  spec: SpaceSpec,
  { ranges, address: wanted }: Ipam,
): SpaceSpec => {
  if (ranges.length === 0) return spec
  const { address, gateway } = chooseAddress(ranges, addressesInUse(context), wanted)
  return { ...spec, address, gateway: `${gateway}/32` }
}

/** Refuses a second interface of the same kind; to be called under the lock. Throws CniError 101. */
export const refuseSecond = ({ kernel, paths }: Context, identity: Identity): void => {
  const name = spaceNameOf(identity)
  if (readSpaceRecord(kernel, paths, name) === undefined) return
  throw new CniError(
    cniCode.alreadyAttached,
    `${identity.container} has its interface ${identity.interface} in ${identity.network} already`,
    `space ${name}; DEL takes it away`,
  )
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
