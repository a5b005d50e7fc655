/** What the plugin tuning does: settings of the container's namespace and of its interface. */

import type { Tuning } from '../space/spec/types.ts'
import { badField, type Fields, unsupported } from './fields.ts'

export const tuningKeys = ['sysctl', 'promisc', 'allmulti', 'txQLen', 'mac']

/** Settings of the network alone are the namespace's own; all others are this host's. */
const settingOfNamespace = /^net\.[a-zA-Z0-9_./-]+$/

/** Settings of the interface that natspace itself holds, where it makes it; see cable.ts. */
const heldByCable = ['disable_ipv6', 'accept_ra', 'accept_dad']

/** Numbers as `ip link` takes them. */
const most32 = 2 ** 32 - 1

/**
 * Reads it; `mac` is what CNI_ARGS asks for. The address of the runtime wins over that of the arguments, and both over
 * that of the configuration, as in the plugin. Throws CniError 2 (a setting that is not the namespace's own), 7.
 */
export const parseTuning = (
  fields: Fields,
  runtime: Fields | undefined,
  inner: string,
  mac: string | undefined,
): Tuning | undefined => {
  const sysctls = parseSysctls(fields.object('sysctl'), inner)
  const [promiscuous, allMulticast] = [fields.flag('promisc'), fields.flag('allmulti')]
  const queueLength = fields.number('txQLen', 0, most32)
  const addresses = [
    { place: 'runtimeConfig.mac', text: runtime?.text('mac') },
    { place: 'args.cni.mac', text: fields.object('args')?.object('cni')?.text('mac') },
    { place: 'MAC in CNI_ARGS', text: mac },
    { place: 'mac', text: fields.text('mac') },
  ].flatMap(({ place, text }) => (text ? [parseMac(text, place)] : []))
  const tuning: Tuning = {
    ...(Object.keys(sysctls).length === 0 ? {} : { sysctls }),
    ...(promiscuous === undefined ? {} : { promiscuous }),
    ...(allMulticast === undefined ? {} : { allMulticast }),
    ...(queueLength === undefined ? {} : { queueLength }),
    ...(addresses[0] === undefined ? {} : { mac: addresses[0] }),
  }
  return Object.keys(tuning).length === 0 ? undefined : tuning
}

/** A setting of the interface that natspace itself holds cannot be asked for where it makes the interface. */
export const refuseHeld = ({ sysctls = {} }: Tuning, inner: string): void => {
  for (const leaf of heldByCable) {
    const key = `net.ipv6.conf.${inner.replaceAll('.', '/')}.${leaf}`
    if (sysctls[key] !== undefined)
      throw unsupported(`sysctl.${key}`, sysctls[key], 'natspace holds it on the interfaces that it makes')
  }
}

/** Keys with dots or slashes between their parts, as sysctl(8) has them; IFNAME stands for the interface. */
const parseSysctls = (fields: Fields | undefined, inner: string): Record<string, string> => {
  const found: Record<string, string> = {}
  for (const written of fields?.keys() ?? []) {
    const place = `sysctl.${written}`
    const value = fields?.text(written) ?? ''
    const key = canonicalKey(written).replaceAll('IFNAME', inner.replaceAll('.', '/'))
    if (!settingOfNamespace.test(key) || key.split(/[./]/).some(part => part === ''))
      throw unsupported(place, value, 'only settings of the network (net.…) are the container’s own')
    if (!/^[\x20-\x7e\t]{1,1024}$/.test(value)) throw badField(place, value, 'it must be one line of text')
    if (found[key] !== undefined) throw badField(place, value, 'it is there twice')
    found[key] = value
  }
  return found
}

/** Where the first part ends with a slash, slashes are the separators and dots stand for themselves. */
const canonicalKey = (text: string): string =>
  /^[^./]*\//.test(text) ? text.replace(/[./]/g, character => (character === '.' ? '/' : '.')) : text

/** A link-layer address of one interface, in lower case. Throws CniError 7 for that of a group, or of nobody. */
export const parseMac = (text: string, place: string): string => {
  const mac = text.toLowerCase().replaceAll('-', ':')
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac))
    throw badField(place, text, 'it must be six pairs of hexadecimal digits with colons between')
  if (Number.parseInt(mac.slice(0, 2), 16) & 1)
    throw badField(place, text, 'it is the address of a group (multicast)')
  if (mac === '00:00:00:00:00:00') throw badField(place, text, 'it is the address of nobody')
  return mac
}
