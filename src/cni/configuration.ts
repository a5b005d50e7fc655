/**
 * The configuration of a network, from standard input (CNI specification 1.1.0, section 1, "Plugin configuration
 * object"). In two steps: taking away needs only the name of the network, and must not fail for what else is there.
 */

import type { Rate, Tuning } from '../space/spec/types.ts'
import { bandwidthKeys, parseBandwidth } from './bandwidth.ts'
import { isCniName } from './environment.ts'
import { CniError, cniCode } from './error.ts'
import { badField, Fields } from './fields.ts'
import { type Ipam, parseIpam } from './ipam.ts'
import { parsePortMappings, portmapKeys } from './port-mappings.ts'
import { parseReach, type Reach } from './reach.ts'
import { parseTuning, refuseHeld, tuningKeys } from './tuning.ts'
import { type CniVersion, newestVersion, parseVersion } from './version.ts'

/** Characters of a configuration; a runtime's own are some thousand. */
export const longestConfiguration = 1_048_576

/** What every command needs. */
export type Header = { version: CniVersion; network: string; fields: Fields /** As it came. */; text: string }

/** Names of resolvers for the container, handed on in the result. */
export type Dns = { nameservers?: string[]; domain?: string; search?: string[]; options?: string[] }

/** A network, and what the runtime asks of it for one container. */
export type Configuration = {
  ipam: Ipam
  reach: Reach
  dns: Dns
  mtu?: number
  /** What natspace has beyond the reference plugins, as in a spec file; checked there. */
  policy: { host?: string; internal?: boolean; metadata?: boolean; uplink?: string; fixFirewall?: boolean }
  /** As `natspace up -p` takes them. */
  publish: string[]
  /** As seen by the container. */
  rate?: Rate
  tuning?: Tuning
  /** Names that others are to know the container by; natspace notes them. */
  aliases: string[]
}

/** What of a request the configuration is read for. */
export type Asked = {
  /** The name of the interface inside; without one (STATUS) any. */
  interface?: string
  /** `IP` and `MAC` of CNI_ARGS. */
  address?: string | undefined
  mac?: string | undefined
  /** Whether another plugin has made the interface, so that addresses that are asked for were meant for that. */
  isBehind?: boolean
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
  return { ...header, fields, text }
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
  ...['noMasquerade', 'accept', 'isolated', 'isDefaultGateway'],
  ...portmapKeys,
  ...bandwidthKeys,
  ...tuningKeys,
]

/** Reads all of it. Throws CniError 2, 7. */
export const parseConfiguration = ({ fields, network }: Header, asked: Asked = {}): Configuration => {
  const { interface: inner = 'eth0', isBehind = false } = asked
  fields.allow(...topLevel)
  const runtime = fields.object('runtimeConfig')
  runtime?.allow('portMappings', 'ips', 'bandwidth', 'dns', 'mac', 'aliases')
  const given = fields.object('args')?.object('cni')
  const ipam = parseIpam(
    fields.object('ipam'),
    isBehind
      ? {}
      : {
          environment: asked.address,
          arguments: given?.texts('ips') ?? [],
          runtime: runtime?.texts('ips') ?? [],
        },
  )
  const mtu = fields.number('mtu', 0, 65_535)
  const rate = parseBandwidth(fields, runtime)
  const tuning = parseTuning(fields, runtime, inner, asked.mac)
  if (tuning !== undefined && !isBehind) refuseHeld(tuning, inner)
  return {
    ipam,
    reach: parseReach(fields),
    dns: parseDns(fields.object('dns'), runtime?.object('dns')),
    // 0 is how the reference plugins write: as it comes.
    ...(mtu ? { mtu } : {}),
    policy: parsePolicy(fields),
    publish: parsePortMappings(fields, runtime),
    ...(rate === undefined ? {} : { rate }),
    ...(tuning === undefined ? {} : { tuning }),
    aliases: [...new Set([...parseAliases(runtime, network), ...parseAliases(given, network)])],
  }
}

/** A list of names, or one for each network by its name (as Podman writes it). */
const parseAliases = (fields: Fields | undefined, network: string): string[] => {
  const value = fields?.get('aliases')
  if (value === undefined) return []
  return Array.isArray(value)
    ? (fields?.texts('aliases') ?? [])
    : (fields?.object('aliases')?.texts(network) ?? [])
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
