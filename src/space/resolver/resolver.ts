import { ipFamily, isLinkLocal, isLoopback, isMulticast, isUnspecified } from '../../linux/net/ip.ts'
import { udpListeners } from './listeners.ts'
import { formatResolvConf, parseResolvConf } from './resolv-conf.ts'

/**
 * Theory of operation. The host's own resolv.conf often names servers that mean something else inside a space, or
 * nothing: the host's loopback is there the space's own, where nobody answers; a link-local address is of a link that the
 * space does not have; IPv6 needs an address. So the servers that cannot work are taken out, and if none is left the next
 * source is asked: those whom systemd-resolved asks itself, then a resolver of this host, at the space's gateway. An
 * internal space gets only what was given to it: a resolver of this host would ask the outside on its behalf.
 */

/** What is known of a space; undefined for a namespace that natspace has no record of. */
export type SpaceFacts = {
  /** The resolvers that were asked for. */
  dns: readonly string[]
  gateway?: string | undefined
  gateway6?: string | undefined
  hasIpv6: boolean
  internal: boolean
  /** Whether the space may ask this host for names. */
  mayAskHost: boolean
}

/** What /etc/resolv.conf shall hold. */
export type Resolver = {
  text: string
  hasServer: boolean
  /** Why there is no server, where that is nobody's wish. */
  problem?: string
}

const hostFile = '/etc/resolv.conf'

/** Where systemd-resolved writes the resolvers that it asks itself (systemd-resolved.service(8)). */
const upstreamFile = '/run/systemd/resolve/resolv.conf'

const dnsPort = 53

/** Decides what a program in a space is to ask. `read` gives the text of a file of the host, or undefined. */
export const chooseResolver = (
  space: SpaceFacts | undefined,
  read: (path: string) => string | undefined,
): Resolver => {
  if (space !== undefined && space.dns.length > 0) return ask(space.dns, [])
  if (space?.internal)
    return askNobody('This space is internal: it asks only resolvers that it was given with --dns.')
  const refusals: string[] = []
  for (const path of [hostFile, upstreamFile]) {
    const text = read(path) ?? ''
    const { servers, lines } = parseResolvConf(text)
    const usable = servers.filter(server => refusal(server, space) === undefined)
    if (usable.length === 0) {
      refusals.push(...servers.map(server => `${server} ${refusal(server, space)}`))
      continue
    }
    // Left alone where nothing is wrong with it: then it also follows the host's changes.
    return path === hostFile && usable.length === servers.length
      ? { text, hasServer: true }
      : ask(usable, lines)
  }
  const gateway = space?.mayAskHost ? gatewayThatAnswers(space, read) : undefined
  if (gateway !== undefined) return ask([gateway], parseResolvConf(read(hostFile) ?? '').lines)
  return {
    ...askNobody('No resolver of this host can be asked from inside: see natspace up --dns.'),
    problem: [...new Set(refusals)].join(', ') || `${hostFile} names none`,
  }
}

const ask = (servers: readonly string[], lines: string[]): Resolver => ({
  text: formatResolvConf({ servers: [...servers], lines }),
  hasServer: true,
})

const askNobody = (comment: string): Resolver => ({ text: `# ${comment}\n`, hasServer: false })

/** Why a server that the host asks cannot be asked from inside, as the end of a sentence; undefined if it can. */
const refusal = (server: string, space: SpaceFacts | undefined): string | undefined => {
  const address = server.replace(/%.*$/, '')
  const family = ipFamily(address)
  if (family === undefined || isMulticast(address)) return 'is no address of a server'
  if (isLoopback(address) || isUnspecified(address)) return 'is the loopback of this host'
  if (server !== address || (family === 6 && isLinkLocal(address))) return 'is on a link of this host alone'
  if (family === 6 && space?.hasIpv6 === false) return 'is IPv6, which the space lacks'
  return undefined
}

/** An address of the space's gateway at which something waits for questions. */
const gatewayThatAnswers = (
  { gateway, gateway6 }: SpaceFacts,
  read: (path: string) => string | undefined,
): string | undefined => {
  const listeners = ['/proc/net/udp', '/proc/net/udp6'].flatMap(path =>
    udpListeners(read(path) ?? '', dnsPort),
  )
  // Unless it refuses to, a socket at any address of IPv6 hears IPv4 as well.
  const anywhere = listeners.includes('::')
  const hears = (address: string) => anywhere || listeners.includes(address)
  if (gateway !== undefined && (hears(gateway) || listeners.includes('0.0.0.0'))) return gateway
  return gateway6 !== undefined && hears(gateway6) ? gateway6 : undefined
}
