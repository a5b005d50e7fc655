/** The inverse of resolving: what would have to be asked for to get exactly this space. */

import { isBesideIpv4 } from './fixed-cable6.ts'
import type { Behind, Cable6, Endpoint, ResolvedSpace, SpaceSpec } from './types.ts'

/**
 * A spec in which nothing is left to be chosen: resolved again, with the space itself as what is up already, it gives
 * the same space. Pure.
 */
export const specOf = (space: ResolvedSpace): SpaceSpec => ({
  name: space.name,
  ...(space.address === ''
    ? {}
    : { address: space.address, gateway: `${space.gateway}/${space.prefixLength}` }),
  hostInterface: space.hostInterface,
  interface: space.interface,
  ...(space.uplink === undefined ? {} : { uplink: space.uplink }),
  ...(space.source === undefined ? {} : { source: space.source }),
  ...(space.ipv6 === undefined || space.behind !== undefined || isBesideIpv4(space)
    ? {}
    : { address6: space.ipv6.address, gateway6: `${space.ipv6.gateway}/${space.ipv6.prefixLength}` }),
  ipv6: space.ipv6 === undefined ? 'off' : 'on',
  publish: space.publish,
  ...(space.dns === undefined ? {} : { dns: space.dns }),
  mtu: space.mtu,
  ...(space.mtuFollows === undefined ? {} : { mtuFollows: space.mtuFollows }),
  ...(space.rate === undefined ? {} : { rate: space.rate }),
  internal: space.internal,
  connect: space.connect.map(peer => peer.name),
  ...(space.egress === undefined ? {} : { egress: space.egress }),
  host: space.host,
  metadata: space.metadata,
  fixFirewall: space.fixFirewall,
  ...(space.attachment === undefined ? {} : { attachment: space.attachment }),
  ...(space.subnet === undefined ? {} : { subnet: space.subnet }),
  ...(space.ipv6?.subnet === undefined ? {} : { cable6: endpointOf(space.ipv6, space.ipv6.subnet) }),
  ...(space.further === undefined ? {} : { further: space.further }),
  ...(space.routes === undefined ? {} : { routes: space.routes }),
  ...(space.untranslated === undefined ? {} : { untranslated: space.untranslated }),
  ...(space.accept === undefined ? {} : { accept: space.accept }),
  ...(space.group === undefined ? {} : { group: space.group }),
  ...(space.behind === undefined ? {} : { behind: behindOf(space, space.behind) }),
  ...(space.tuning === undefined ? {} : { tuning: space.tuning }),
})

const endpointOf = ({ address, gateway }: Cable6, subnet: string): Endpoint => ({ address, gateway, subnet })

const behindOf = (
  { hostInterface, address, prefixLength, gateway, ipv6 }: ResolvedSpace,
  { port }: Pick<Behind, 'port'>,
): Behind => ({
  ...(hostInterface === '' ? {} : { way: hostInterface }),
  ...(port === undefined ? {} : { port }),
  address,
  prefixLength,
  gateway,
  ...(ipv6 === undefined ? {} : { ipv6 }),
})
