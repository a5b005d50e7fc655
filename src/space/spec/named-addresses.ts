/** Addresses that a spec names beyond those of its one cable of IPv4: of IPv6, and further ones. Pure. */

import { prefixContains } from '../../linux/net/prefix.ts'
import type { NatspaceError } from '../errors.ts'
import { badValue } from './fault.ts'
import type { Pool } from './pool.ts'
import type { Taken } from './taken.ts'
import type { Cable6, Endpoint, ResolvedSpace, SpaceSpec } from './types.ts'

/** The addresses are named, and none of them is of IPv4. */
export const isIpv6Alone = ({ cable6: asked, address, gateway }: SpaceSpec): boolean =>
  asked !== undefined && address === undefined && gateway === undefined

/** Each end has a route to the other. */
export const routedCable6 = ({ address, gateway, subnet }: Endpoint): Cable6 => ({
  gateway,
  address,
  prefixLength: 128,
  network: `${address}/128`,
  subnet,
})

/** Further addresses of IPv4 are the space's too, and nobody else's. Throws NatspaceError OVERLAP. */
export function claimFurther(
  specs: readonly SpaceSpec[],
  previousOf: (spec: SpaceSpec) => ResolvedSpace | undefined,
  pool: Pool,
): void {
  for (const spec of specs)
    for (const { address } of (spec.further ?? []).filter(item => !item.address.includes(':'))) {
      const isKept = previousOf(spec)?.further?.some(item => item.address === address) === true
      const overlap = isKept ? undefined : pool.findOverlap(`${address}/32`)
      if (overlap !== undefined) throw overlapError(spec, `${address}/32`, overlap, address)
      pool.claim(`${address}/32`, `space ${spec.name}`)
    }
}

/** Addresses of IPv6 that are asked for must be nobody else's. Throws NatspaceError OVERLAP. */
export function checkAddresses6(
  spec: SpaceSpec,
  previous: ResolvedSpace | undefined,
  taken6: () => readonly Taken[] = () => [],
): void {
  const asked = [spec.cable6, ...(spec.further ?? [])].flatMap(item => item?.address ?? [])
  const kept = [previous?.ipv6, ...(previous?.further ?? [])].flatMap(item => item?.address ?? [])
  for (const address of asked) {
    if (!address.includes(':') || kept.includes(address)) continue
    // Most are single addresses, of which there are as many as there are containers.
    const overlap = taken6().find(({ prefix }) =>
      prefix.endsWith('/128') ? prefix === `${address}/128` : prefixContains(prefix, address),
    )
    if (overlap !== undefined) throw overlapError(spec, `${address}/128`, overlap, address)
  }
}

/** A network that is asked for is in use. */
export function overlapError(
  spec: SpaceSpec,
  network: string,
  overlap: Taken,
  value = spec.gateway ?? spec.address ?? '',
): NatspaceError {
  return badValue({
    code: 'OVERLAP',
    site: { field: spec.gateway === undefined ? 'address' : 'gateway' },
    value,
    why: `its network ${network} overlaps ${overlap.prefix} (${overlap.why})`,
    evidence: [`space ${spec.name} asks for ${network}`, `${overlap.prefix}: ${overlap.why}`],
    fix: ['give another network with --gateway A/LEN', 'or leave out both, and natspace chooses a free one'],
  })
}
