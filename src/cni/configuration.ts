/**
 * The configuration of a network, from standard input (CNI specification 1.1.0, section 1, "Plugin configuration
 * object"). In two steps: taking away needs only the name of the network, and must not fail for what else is there.
 */

import { canonicalIp } from '../linux/net/ip.ts'
import { isCniName } from './environment.ts'
import { CniError, cniCode } from './error.ts'
import { badField, Fields, unsupported } from './fields.ts'
import { type Ipam, parseIpam } from './ipam.ts'
import { type CniVersion, newestVersion, parseVersion } from './version.ts'

/** Characters of a configuration; a runtime's own are some thousand. */
export const longestConfiguration = 1_048_576

/** What every command needs. */
export type Header = { version: CniVersion; network: string; fields: Fields }

/** Names of resolvers for the container, handed on in the result. */
export type Dns = { nameservers?: string[]; domain?: string; search?: string[]; options?: string[] }

/** A network, and what the runtime asks of it for one container. */
export type Configuration = {
  ipam: Ipam
  dns: Dns
  mtu?: number
  /** What natspace has beyond the reference plugins, as in a spec file; checked there. */
  policy: { host?: string; internal?: boolean; metadata?: boolean; uplink?: string; fixFirewall?: boolean }
  /** As `natspace up -p` takes them. */
  publish: string[]
  /** Bits per second, as seen by the container. */
  rate?: { up?: number; down?: number }
}

/** The version that a text asks for; the newest where it is no JSON, or says none. Never throws. */
export const versionIn = (text: string): CniVersion => {
  try {
    return parseVersion(new Fields(parseJson(text), '').text('cniVersion') ?? newestVersion)
  } catch (error) {
    // Whoever sent it is told by the reading that follows; this is only the form of the answer.
    if (error instanceof CniError) return newestVersion
    throw error
  }
}

/** Reads what every command needs. Throws CniError 1, 6, 7. */
export const parseHeader = (text: string): Header => {
  const fields = new Fields(parseJson(text), '')
  const version = fields.text('cniVersion')
  // What says nothing is of a time before 0.3.0 (specification 0.2.0).
  const header = { version: parseVersion(version ?? '0.2.0'), network: fields.text('name') ?? '' }
  if (!isCniName(header.network))
    throw badField('name', header.network, 'a network has letters, digits, _, . and -, the first of both')
  return { ...header, fields }
}

const parseJson = (text: string): unknown => {
  if (text.length > longestConfiguration)
    throw new CniError(cniCode.decode, 'the configuration is too long', `${text.length} characters`)
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new CniError(
      cniCode.decode,
      'the configuration is not JSON',
      error instanceof Error ? error.message : '',
    )
  }
}

const topLevel = [
  ...['cniVersion', 'cniVersions', 'name', 'type', 'capabilities', 'args', 'runtimeConfig', 'prevResult'],
  ...['ipam', 'dns', 'mtu', 'ipMasq', 'host', 'internal', 'metadata', 'uplink', 'fixFirewall'],
]

/** Reads all of it. `wanted`: the address that CNI_ARGS asks for. Throws CniError 2, 7. */
export const parseConfiguration = ({ fields }: Header, wanted?: string): Configuration => {
  fields.allow(...topLevel)
  if (fields.flag('ipMasq') === false)
    throw unsupported('ipMasq', false, 'what leaves a space is always translated; internal: true shuts it in')
  const runtime = fields.object('runtimeConfig')
  runtime?.allow('portMappings', 'ips', 'bandwidth', 'dns')
  const ipam = parseIpam(fields.object('ipam'))
  const addresses = [
    ...(runtime?.texts('ips') ?? []),
    ...(fields.object('args')?.object('cni')?.texts('ips') ?? []),
    ...(wanted === undefined ? [] : [wanted]),
  ].map(parseWanted)
  const [address, ...others] = new Set([...addresses, ...(ipam.address === undefined ? [] : [ipam.address])])
  if (others.length > 0)
    throw unsupported('the addresses', [address, ...others], 'natspace gives a container one address of IPv4')
  const mtu = fields.number('mtu', 0, 65_535)
  const rate = parseBandwidth(runtime?.object('bandwidth'))
  return {
    ipam: address === undefined ? ipam : { ...ipam, address },
    dns: parseDns(fields.object('dns'), runtime?.object('dns')),
    // 0 is how the reference plugins write: as it comes.
    ...(mtu ? { mtu } : {}),
    policy: parsePolicy(fields),
    publish: (runtime?.objects('portMappings') ?? []).map(parsePortMapping),
    ...(rate === undefined ? {} : { rate }),
  }
}

const parseWanted = (text: string): string => {
  const address = canonicalIp(text.replace(/\/\d{1,3}$/, ''))
  if (address === undefined) throw badField('the address', text, 'it is no IP address')
  if (address.includes(':')) throw unsupported('the address', text, 'natspace gives one address of IPv4')
  return address
}

const parsePolicy = (fields: Fields): Configuration['policy'] => {
  const [host, uplink] = [fields.text('host'), fields.text('uplink')]
  const flags = (['internal', 'metadata', 'fixFirewall'] as const).map(
    key => [key, fields.flag(key)] as const,
  )
  return {
    ...(host === undefined ? {} : { host }),
    ...(uplink === undefined ? {} : { uplink }),
    ...Object.fromEntries(flags.filter(([, value]) => value !== undefined)),
  }
}

const transports = ['tcp', 'udp', 'sctp']

const parsePortMapping = (fields: Fields): string => {
  fields.allow('hostPort', 'containerPort', 'protocol', 'hostIP')
  const [hostPort, port] = [fields.number('hostPort', 1, 65_535), fields.number('containerPort', 1, 65_535)]
  if (hostPort === undefined || port === undefined)
    throw badField(fields.place, {}, 'it needs both hostPort and containerPort')
  const protocol = (fields.text('protocol') || 'tcp').toLowerCase()
  if (!transports.includes(protocol))
    throw badField(fields.at('protocol'), protocol, `it must be ${transports.join(', ')}`)
  const host = fields.text('hostIP') || undefined
  const address = host === undefined ? undefined : canonicalIp(host)
  if (host !== undefined && address === undefined)
    throw badField(fields.at('hostIP'), host, 'it is no IP address')
  const isAny = address === undefined || address === '0.0.0.0' || address === '::'
  const before = isAny ? '' : `${address.includes(':') ? `[${address}]` : address}:`
  return `${before}${hostPort}:${port}/${protocol}`
}

/** The plugin's ingress is what reaches the container. Bursts are chosen by natspace. */
const parseBandwidth = (fields: Fields | undefined): Configuration['rate'] => {
  if (fields === undefined) return undefined
  fields.allow('ingressRate', 'ingressBurst', 'egressRate', 'egressBurst')
  const [down, up] = (['ingressRate', 'egressRate'] as const).map(key =>
    fields.number(key, 0, Number.MAX_SAFE_INTEGER),
  )
  return up || down ? { ...(up ? { up } : {}), ...(down ? { down } : {}) } : undefined
}

const parseDns = (fields: Fields | undefined, asked: Fields | undefined): Dns => {
  fields?.allow('nameservers', 'domain', 'search', 'options')
  asked?.allow('servers', 'searches', 'options')
  const lists = {
    nameservers: firstOf(asked?.texts('servers'), fields?.texts('nameservers')),
    search: firstOf(asked?.texts('searches'), fields?.texts('search')),
    options: firstOf(asked?.texts('options'), fields?.texts('options')),
  }
  const domain = fields?.text('domain')
  return {
    ...(domain ? { domain } : {}),
    ...Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0)),
  }
}

const firstOf = (...lists: (string[] | undefined)[]): string[] => lists.find(list => list?.length) ?? []

/** Attachments that a runtime still knows (GC). Throws CniError 7: a list that is missing would mean that none is. */
export const parseValidAttachments = ({ fields }: Header): { container: string; interface: string }[] => {
  const key = 'cni.dev/valid-attachments'
  if (fields.get(key) === undefined) throw badField(key, undefined, 'GC needs it, if only as an empty list')
  return fields.objects(key).map(item => ({
    container: item.text('containerID') ?? '',
    interface: item.text('ifname') ?? '',
  }))
}
