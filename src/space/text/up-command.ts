import { formatEgress } from '../spec/egress.ts'
import { isBesideIpv4 } from '../spec/fixed-cable6.ts'
import { formatPublish } from '../spec/publish.ts'
import { formatRate } from '../spec/rate.ts'
import type { ResolvedSpace } from '../spec/types.ts'
import { shellCommand } from './quote-shell.ts'

/** The command that brings about exactly this space, whatever is or was there. */
export const upCommandOf = (space: ResolvedSpace): string =>
  shellCommand(
    ...['natspace', 'up', space.name],
    ...['--gateway', `${space.gateway}/${space.prefixLength}`, '--address', space.address],
    ...['--host-interface', space.hostInterface, '--interface', space.interface],
    ...(space.uplink === undefined ? [] : [`--uplink=${space.uplink}`]),
    ...space.publish.flatMap(publish => ['-p', formatPublish(publish)]),
    ...(space.dns ?? []).flatMap(address => ['--dns', address]),
    ...(space.mtuFollows || space.mtu === 1500 ? [] : ['--mtu', `${space.mtu}`]),
    ...Object.values(space.source ?? {}).flatMap(address => ['--source', address]),
    ...(space.ipv6 === undefined
      ? ['--ipv6', 'off']
      : isBesideIpv4(space)
        ? ['--ipv6', 'on']
        : [
            '--gateway6',
            `${space.ipv6.gateway}/${space.ipv6.prefixLength}`,
            '--address6',
            space.ipv6.address,
          ]),
    ...(space.rate?.up === undefined ? [] : ['--rate-up', formatRate(space.rate.up)]),
    ...(space.rate?.down === undefined ? [] : ['--rate-down', formatRate(space.rate.down)]),
    ...space.connect.flatMap(peer => ['--connect', peer.name]),
    ...(space.egress ?? []).flatMap(entry => ['--egress', formatEgress(entry)]),
    ...(space.host === 'dns' ? [] : ['--host', space.host]),
    ...(space.metadata ? ['--metadata'] : []),
    ...(space.internal ? ['--internal'] : []),
    ...(space.fixFirewall ? ['--fix-firewall'] : []),
  )
