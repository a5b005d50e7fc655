/**
 * Which resolvers a program in a space shall ask. The host's own resolv.conf often names a resolver on the host's
 * loopback, which from inside is the space's loopback, where nobody answers.
 */

/** What to show as /etc/resolv.conf: a text, or a file of the host; undefined leaves the host's. */
export type Resolver = { text: string } | { file: string } | undefined

/** Where systemd-resolved writes the resolvers that it asks itself (systemd-resolved.service(8)). */
const upstreamFile = '/run/systemd/resolve/resolv.conf'

/** Decides from the space's own resolvers (if it has any) and the host's file. `read` gives a file's text, or undefined. */
export const chooseResolver = (
  dns: readonly string[] | undefined,
  read: (path: string) => string | undefined,
): Resolver => {
  if (dns !== undefined && dns.length > 0)
    return { text: dns.map(address => `nameserver ${address}\n`).join('') }
  const servers = nameservers(read('/etc/resolv.conf') ?? '')
  if (servers.length === 0 || !servers.every(isLoopback)) return undefined
  const upstream = nameservers(read(upstreamFile) ?? '')
  return upstream.length > 0 ? { file: upstreamFile } : undefined
}

/** resolv.conf(5) */
const nameservers = (text: string): string[] =>
  text.split('\n').flatMap(line => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? [])

const isLoopback = (address: string): boolean => address.startsWith('127.') || address === '::1'
