/** What a runtime gets on standard output (CNI specification 1.1.0, section 5), in the version that it asked for. */

import { macOf } from '../space/mac.ts'
import type { ResolvedSpace } from '../space/spec/types.ts'
import type { Dns } from './configuration.ts'
import type { CniError } from './error.ts'
import { type CniVersion, cniVersions, isAtLeast } from './version.ts'

/** The result of ADD: both ends of the cable, the address, the routes. */
export const addResult = (version: CniVersion, space: ResolvedSpace, dns: Dns) => {
  const { name, hostInterface, interface: inner, namespacePath, address, prefixLength, gateway, mtu } = space
  const size = isAtLeast(version, '1.1.0') ? { mtu } : {}
  return {
    cniVersion: version,
    interfaces: [
      { name: hostInterface, mac: macOf(name, 'host'), ...size },
      { name: inner, mac: macOf(name, 'inner'), ...size, sandbox: namespacePath },
    ],
    ips: [
      {
        ...(isAtLeast(version, '1.0.0') ? {} : { version: '4' }),
        address: `${address}/${prefixLength}`,
        gateway,
        interface: 1,
      },
    ],
    routes: space.internal ? [] : (space.routes ?? ['0.0.0.0/0']).map(dst => ({ dst, gw: gateway })),
    dns,
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
