import { ipFamily, isLoopback, isUnspecified } from '../../linux/net/ip.ts'

/** Where the front listens. */
export type Site = {
  /** In its canonical spelling. */
  address: string
  port: number
  tls: boolean
  /** Further names under which it may be called: those of the certificate. */
  names: readonly string[]
}

/** How an address stands in a URL: IPv6 in brackets. */
export const inUrl = (address: string): string => (ipFamily(address) === 6 ? `[${address}]` : address)

/**
 * The values of Host that are ours, in lower case. A name that an attacker has pointed at 127.0.0.1 (DNS rebinding) is
 * none of them, and nothing but the whole value counts, so no beginning or end of it can deceive.
 */
export const allowedHosts = ({ address, port, tls, names }: Site): ReadonlySet<string> => {
  const isUsualPort = port === (tls ? 443 : 80)
  // 0.0.0.0 is where one listens, and a name for nothing; a browser might be tricked into calling it.
  const own = isUnspecified(address) ? [] : [inUrl(address)]
  const hosts = [...own, ...names.map(name => inUrl(name.toLowerCase()))]
  if (isLoopback(address)) hosts.push('localhost')
  return new Set(hosts.flatMap(host => (isUsualPort ? [host, `${host}:${port}`] : [`${host}:${port}`])))
}

/** The address that is printed: with TLS by a name that the certificate has, if it has one for where it listens. */
export const siteUrl = ({ address, port, tls, names }: Site): string =>
  `${tls ? 'https' : 'http'}://${inUrl(nameOf(address, names))}:${port}/`

const nameOf = (address: string, names: readonly string[]): string => {
  if (names.includes(address)) return address
  if (isLoopback(address)) return names.includes('localhost') ? 'localhost' : address
  return names[0] ?? address
}
