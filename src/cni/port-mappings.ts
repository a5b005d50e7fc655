/** Published ports: `runtimeConfig.portMappings`, and the keys of the plugin portmap beside it. */

import { canonicalIp } from '../linux/net/ip.ts'
import { badField, type Fields, unsupported } from './fields.ts'

/** Keys of portmap that a configuration may have; what natspace does otherwise is refused by name. */
export const portmapKeys = [
  ...['snat', 'masqAll', 'markMasqBit', 'externalSetMarkChain'],
  ...['conditionsV4', 'conditionsV6', 'backend'],
]

const transports = ['tcp', 'udp', 'sctp']

/** Mappings as `natspace up -p` takes them. Throws CniError 2 for what natspace does otherwise, 7. */
export const parsePortMappings = (fields: Fields, runtime: Fields | undefined): string[] => {
  refuseOthers(fields)
  return (runtime?.objects('portMappings') ?? []).flatMap(parsePortMapping)
}

const refuseOthers = (fields: Fields): void => {
  const refuse = (key: string, why: string) => {
    throw unsupported(key, fields.get(key), why)
  }
  if (fields.flag('snat') === false)
    refuse(
      'snat',
      'a container that asks for its own port, and this host by 127.0.0.1, could not be answered',
    )
  if (fields.flag('masqAll') === true) refuse('masqAll', 'the container sees who its clients are')
  for (const key of ['markMasqBit', 'externalSetMarkChain'])
    if (fields.get(key) !== undefined) refuse(key, 'natspace marks no packets; it does without')
  for (const key of ['conditionsV4', 'conditionsV6'])
    if (fields.texts(key).length > 0)
      refuse(key, 'conditions are written for iptables, which natspace does not use')
  const backend = fields.text('backend')
  if (backend !== undefined && backend !== 'nftables') refuse('backend', 'natspace uses nftables')
}

/** A port of the host that is 0 or missing means: not published (as runtimes of Kubernetes write it). */
const parsePortMapping = (fields: Fields): string[] => {
  fields.allow('hostPort', 'containerPort', 'protocol', 'hostIP')
  const [hostPort, port] = [fields.number('hostPort', 0, 65_535), fields.number('containerPort', 1, 65_535)]
  if (port === undefined) throw badField(fields.at('containerPort'), undefined, 'it must be a port')
  const protocol = (fields.text('protocol') || 'tcp').toLowerCase()
  if (!transports.includes(protocol))
    throw badField(fields.at('protocol'), protocol, `it must be ${transports.join(', ')}`)
  const host = fields.text('hostIP') || undefined
  const address = host === undefined ? undefined : canonicalIp(host)
  if (host !== undefined && address === undefined)
    throw badField(fields.at('hostIP'), host, 'it is no IP address')
  if (!hostPort) return []
  // A socket on :: hears both families, and so runtimes mean it.
  const before =
    address === undefined || address === '::' ? '' : `${address.includes(':') ? `[${address}]` : address}:`
  return [`${before}${hostPort}:${port}/${protocol}`]
}
