/** What a runtime gets on standard output (CNI specification 1.1.0, section 5), in the version that it asked for. */

import { routeScope } from '../linux/rtnetlink/route.ts'
import { macOf } from '../space/mac.ts'
import { defaultRoutes, wayOf } from '../space/resources/route.ts'
import { type InnerAddress, innerAddresses } from '../space/spec/endpoints.ts'
import type { ResolvedSpace, SpaceRoute } from '../space/spec/types.ts'
import type { Dns } from './configuration.ts'
import type { CniError } from './error.ts'
import { type Ipam, placeIn } from './ipam.ts'
import { type CniVersion, cniVersions, isAtLeast } from './version.ts'

/** The result of ADD: both ends of the cable; the addresses in the order in which `ipam` names what they are of; the routes. */
export const addResult = (version: CniVersion, space: ResolvedSpace, dns: Dns, ipam?: Ipam) => {
  const { name, hostInterface, interface: inner, namespacePath, mtu, tuning } = space
  const size = isAtLeast(version, '1.1.0') ? { mtu } : {}
  const placeOf = ({ address }: InnerAddress) => (ipam === undefined ? 0 : placeIn(ipam, address))
  return {
    cniVersion: version,
    interfaces: [
      { name: hostInterface, mac: macOf(name, 'host'), ...size },
      { name: inner, mac: tuning?.mac ?? macOf(name, 'inner'), ...size, sandbox: namespacePath },
    ],
    ips: innerAddresses(space)
      .toSorted((one, other) => placeOf(one) - placeOf(other))
      .map(({ family, address, prefixLength, gateway }) => ({
        ...(isAtLeast(version, '1.0.0') ? {} : { version: `${family}` }),
        address: `${address}/${prefixLength}`,
        gateway,
        interface: 1,
      })),
    routes: space.internal
      ? []
      : (space.routes ?? defaultRoutes(space)).map(route => routeResult(version, space, route)),
    dns,
  }
}

/** What else a route says came with 1.1.0. */
const routeResult = (version: CniVersion, space: ResolvedSpace, route: SpaceRoute) => {
  const gw = wayOf(space, route)
  const { destination: dst, mtu, advertisedMss, priority, table, isOnLink } = route
  const facts = { mtu, advmss: advertisedMss, priority, table, scope: isOnLink && routeScope.link }
  return {
    dst,
    ...(gw === undefined ? {} : { gw }),
    ...(isAtLeast(version, '1.1.0')
      ? Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined))
      : {}),
  }
}

/** The answer to VERSION. */
export const versionResult = (version: CniVersion) => ({
  cniVersion: version,
  supportedVersions: cniVersions,
})

/** How a failure is told. */
export const errorResult = (version: CniVersion, { code, message, details }: CniError) => ({
  cniVersion: version,
  code,
  msg: message,
  ...(details === '' ? {} : { details }),
})
