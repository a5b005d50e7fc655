/**
 * The list of plugins that a runtime reads (CNI specification 1.1.0, section 1, "Network configuration lists"), as
 * natspace writes it for itself: pure, and the way back, so that what nobody has changed is known again.
 */

import { baseSpec } from '../attachment.ts'
import { type Header, parseConfiguration, parseHeader } from '../configuration.ts'

/** What a network is to be; all that is not said is left to natspace. */
export type NetworkRequest = {
  name: string
  /** Where addresses come from, tried in order within a family. None: natspace chooses a network for each container. */
  subnets: readonly string[]
  /** Networks that see the containers' own addresses. */
  noMasquerade: readonly string[]
  /** Networks that may begin connections to containers; none said: those above. */
  accept: readonly string[]
  /** Who of this host the containers see, as in a spec file. */
  host?: string | undefined
  isolated?: boolean | undefined
  mtu?: number | undefined
  fixFirewall?: boolean | undefined
}

/** Spoken by every runtime in use; a newer one picks from `cniVersions`, and asks for GC and STATUS too. */
const [version, newer] = ['1.0.0', '1.1.0']

const capabilities = { portMappings: true, bandwidth: true, ips: true, mac: true, dns: true, aliases: true }

/** The list as an object. */
export const conflistOf = (request: NetworkRequest) => ({
  cniVersion: version,
  cniVersions: [version, newer],
  name: request.name,
  plugins: [pluginOf(request)],
})

/** The list as the file has it. */
export const conflistText = (request: NetworkRequest): string =>
  `${JSON.stringify(conflistOf(request), undefined, 2)}\n`

const pluginOf = ({ subnets, noMasquerade, accept, host, isolated, mtu, fixFirewall }: NetworkRequest) => ({
  type: 'natspace',
  ...(subnets.length === 0 ? {} : { ipam: ipamOf(subnets) }),
  ...(noMasquerade.length === 0 ? {} : { noMasquerade }),
  ...(accept.length === 0 ? {} : { accept }),
  ...(host === undefined ? {} : { host }),
  ...(isolated ? { isolated } : {}),
  ...(mtu === undefined ? {} : { mtu }),
  ...(fixFirewall ? { fixFirewall } : {}),
  capabilities,
})

/** As host-local has it: a container gets one address of each set, and those of a set are tried in order. */
const ipamOf = (subnets: readonly string[]) => {
  const [first, ...others] = subnets
  if (others.length === 0) return { subnet: first }
  const families = [subnets.filter(text => !text.includes(':')), subnets.filter(text => text.includes(':'))]
  return { ranges: families.filter(set => set.length > 0).map(set => set.map(subnet => ({ subnet }))) }
}

/** What the plugin would read of it. Throws CniError 1, 2, 7 as an ADD would. */
export const checkRequest = (request: NetworkRequest): void => {
  const { name } = request
  const header = pluginHeader(name, pluginOf(request))
  baseSpec(parseConfiguration(header), 'cni-install', 'eth0')
}

/** What a runtime sends for a plugin of a list: what is in the list, and the version and the name of all. */
const pluginHeader = (name: string, plugin: object): Header =>
  parseHeader(JSON.stringify({ cniVersion: newer, name, ...plugin }))

type Loose = Readonly<Record<string, unknown>>

/** The request that this text was made from; undefined when natspace did not write it so to the byte. */
export const requestIn = (text: string): NetworkRequest | undefined => {
  const list = listIn(text)
  const [plugin] = list?.plugins ?? []
  if (list === undefined || plugin === undefined) return undefined
  const { ipam, noMasquerade, accept, host, isolated, mtu, fixFirewall } = plugin
  const request: NetworkRequest = {
    name: list.name,
    subnets: subnetsIn(ipam),
    noMasquerade: texts(noMasquerade),
    accept: texts(accept),
    ...(typeof host === 'string' ? { host } : {}),
    ...(isolated === true ? { isolated } : {}),
    ...(typeof mtu === 'number' ? { mtu } : {}),
    ...(fixFirewall === true ? { fixFirewall } : {}),
  }
  return conflistText(request) === text ? request : undefined
}

/** The name and the plugins of a list, or of a configuration of one plugin; undefined for what a runtime passes over. */
export const listIn = (text: string): { name: string; plugins: Loose[] } | undefined => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // A runtime cannot read it either, and takes the next.
    return undefined
  }
  if (!isObject(value) || typeof value.name !== 'string') return undefined
  const plugins = Array.isArray(value.plugins) ? value.plugins.filter(isObject) : [value]
  return plugins.some(({ type }) => typeof type === 'string') ? { name: value.name, plugins } : undefined
}

const subnetsIn = (ipam: unknown): string[] => {
  if (!isObject(ipam)) return []
  if (typeof ipam.subnet === 'string') return [ipam.subnet]
  const sets = Array.isArray(ipam.ranges) ? ipam.ranges : []
  return sets
    .flat()
    .flatMap(range => (isObject(range) && typeof range.subnet === 'string' ? range.subnet : []))
}

const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter(item => typeof item === 'string') : []

const isObject = (value: unknown): value is Loose =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
