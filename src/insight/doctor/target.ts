import type { Kernel } from '../../linux/kernel.ts'
import { isLinkLocal, isLoopback } from '../../linux/net/ip.ts'
import { type Route, routeTable } from '../../linux/rtnetlink/route.ts'
import type { Destination } from './facts.ts'
import { isForbidden } from './refusal.ts'
import type { Subject } from './subject.ts'

/**
 * Where to, when nobody says: what every way out leads over. For a space with a way out the next router of this host, of
 * the first family that has one; for one without, the host end of its cable. It is asked by an echo of ICMP.
 */
export const chooseDestination = (kernel: Kernel, { space, path }: Subject): Destination => {
  const echo = (address: string): Destination => ({
    family: address.includes(':') ? 6 : 4,
    protocol: 'icmp',
    address,
  })
  const gateway = space && (space.gateway || space.ipv6?.gateway)
  if (space?.internal && gateway !== undefined) return echo(gateway)
  const router = kernel
    .routes(undefined)
    .filter(isDefault)
    .toSorted((a, b) => a.family - b.family || (a.priority ?? 0) - (b.priority ?? 0))[0]?.gateway
  if (router !== undefined && !isLinkLocal(router)) return echo(router)
  const resolver = (kernel.readFile('/etc/resolv.conf') ?? '')
    .split('\n')
    .flatMap(line => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? [])
    .find(address => !isLoopback(address))
  if (resolver !== undefined) return { ...echo(resolver), protocol: 'udp', port: 53 }
  return echo(gateway ?? insideGateway(kernel, path) ?? '192.0.2.1')
}

const isDefault = ({ destination, table, gateway }: Route): boolean =>
  table === routeTable.main && destination.endsWith('/0') && gateway !== undefined

const insideGateway = (kernel: Kernel, path: string): string | undefined =>
  kernel.namespaceState(path) === 'present' ? routesOf(kernel, path).find(isDefault)?.gateway : undefined

/** None where this user may not enter, of which the checks speak. */
const routesOf = (kernel: Kernel, path: string): Route[] => {
  try {
    return kernel.routes(path)
  } catch (error) {
    if (isForbidden(error)) return []
    throw error
  }
}
