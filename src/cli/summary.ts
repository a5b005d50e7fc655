import type { NatspaceError } from '../space/errors.ts'
import { policyOf } from '../space/reconcile/policy.ts'
import type { Warning } from '../space/reconcile/types.ts'
import { formatEgress } from '../space/spec/egress.ts'
import { formatPublish } from '../space/spec/publish.ts'
import { printable } from '../space/spec/quote.ts'
import type { Publish, ResolvedSpace } from '../space/spec/types.ts'
import type { Finding } from './output.ts'
import type { Style } from './style.ts'

/** A space as `up` and `plan` print it in --json: published ports as text, as in `status`. */
export const spaceData = (space: ResolvedSpace) => ({
  name: space.name,
  namespace: space.namespacePath,
  interface: { host: space.hostInterface, inner: space.interface },
  address: `${space.address}/${space.prefixLength}`,
  gateway: space.gateway,
  network: space.network,
  ...(space.uplink === undefined ? {} : { uplink: space.uplink }),
  ...(space.ipv6 === undefined
    ? {}
    : { ipv6: { ...space.ipv6, address: `${space.ipv6.address}/${space.ipv6.prefixLength}` } }),
  publish: space.publish.map(formatPublish),
  ...(space.dns === undefined ? {} : { dns: space.dns }),
  mtu: space.mtu,
  ...policyOf(space),
})

/** `8080 of the host -> 80 inside, tcp` */
export const publishText = ({ hostAddress, hostPort, port, protocol }: Publish): string => {
  const range = (ports: { first: number; last: number }) =>
    ports.first === ports.last ? `${ports.first}` : `${ports.first}-${ports.last}`
  const host =
    hostAddress === undefined ? '' : hostAddress.includes(':') ? `[${hostAddress}]:` : `${hostAddress}:`
  return `${host}${range(hostPort)} of this host -> ${range(port)} inside, ${protocol}`
}

/** What a space is, in lines of a label and a value, and a command to try it with. */
export const spaceLines = (space: ResolvedSpace, style: Style): string[] => {
  const rows: [string, string][] = [
    ['cable', `${space.hostInterface} on this host, ${space.interface} inside`],
    [
      'address',
      [`${space.address}/${space.prefixLength}`, ...(space.ipv6 ? [space.ipv6.address] : [])].join(', '),
    ],
    ['gateway', [space.gateway, ...(space.ipv6 ? [space.ipv6.gateway] : [])].join(', ')],
    ['outside', outsideText(space)],
    ...space.publish.map((publish): [string, string] => ['published', publishText(publish)]),
    ['try it', `natspace exec ${space.name} -- ping -c 1 ${space.gateway}`],
  ]
  return rows.map(([label, value]) => `  ${style.dim(label.padEnd(9))}  ${printable(value)}`)
}

const outsideText = ({ internal, uplink, source, egress }: ResolvedSpace): string => {
  if (internal) return 'no way out (--internal)'
  const where = uplink === undefined ? 'wherever a route leads' : `by ${uplink}`
  const as = source === undefined ? 'this host' : Object.values(source).join(' and ')
  const only = egress === undefined ? '' : `; only to ${egress.map(formatEgress).join(', ') || 'nobody'}`
  return `${where}, as ${as}${only}`
}

/** A warning of a plan as a finding. */
export const warningFinding = ({ code, space, what, why, evidence, fix }: Warning): Finding => ({
  code,
  severity: 'warning',
  title: space === undefined ? what : `${space}: ${what}`,
  evidence,
  why,
  fix: { commands: fix, undo: [] },
  hides: [],
})

/** Something that could not be done, as a finding. */
export const errorFinding = ({ code, what, why, evidence, fix }: NatspaceError): Finding => ({
  code,
  severity: 'error',
  title: what,
  evidence,
  why,
  fix: { commands: fix, undo: [] },
  hides: [],
})
