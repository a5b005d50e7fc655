/** The options of `natspace cni`, and what they ask for. */

import { resolve } from 'node:path'
import { isCniName } from '../../cni/environment.ts'
import { CniError } from '../../cni/error.ts'
import { checkRequest, type NetworkRequest } from '../../cni/install/conflist.ts'
import { type Places, realFolder } from '../../cni/install/install.ts'
import { quote } from '../../space/spec/quote.ts'
import type { Input } from '../command.ts'
import { type Options, optionName, usageError } from '../options.ts'

const networkOptions = {
  subnet: {
    kind: 'list',
    placeholder: 'CIDR',
    help: 'where addresses come from; again for more, and for IPv6 (default: natspace chooses a network for each container)',
  },
  noMasquerade: {
    kind: 'list',
    placeholder: 'CIDR',
    help: 'a network that sees the containers’ own addresses: the other nodes of a cluster',
  },
  accept: {
    kind: 'list',
    placeholder: 'CIDR',
    help: 'a network that may begin connections to containers (default: those of --no-masquerade)',
  },
  host: {
    kind: 'value',
    placeholder: 'WHAT',
    values: ['all', 'dns', 'none'],
    help: 'what of this host the containers reach: all, its resolver and ping (dns, the default), none',
  },
  isolated: { kind: 'flag', help: 'containers of the network do not reach each other' },
  mtu: { kind: 'value', placeholder: 'BYTES', help: 'largest packet (default: that of the uplink)' },
  fixFirewall: { kind: 'flag', help: 'have a firewall of others let the containers through' },
} as const satisfies Options

export const options = {
  name: { kind: 'value', placeholder: 'NAME', help: 'name of the network (default: natspace)' },
  ...networkOptions,
  binDir: {
    kind: 'value',
    placeholder: 'DIR',
    completes: 'file',
    help: 'where runtimes look for plugins (default: /opt/cni/bin)',
  },
  confDir: {
    kind: 'value',
    placeholder: 'DIR',
    completes: 'file',
    help: 'where runtimes look for networks (default: /etc/cni/net.d)',
  },
  file: {
    kind: 'value',
    placeholder: 'FILE',
    help: 'name of the list in it; runtimes take the first (default: 10-NAME.conflist)',
  },
  programOnly: { kind: 'flag', help: 'install no list: another plugin, such as flannel, calls natspace' },
  dryRun: { kind: 'flag', help: 'show what would be done, and change nothing' },
  force: { kind: 'flag', help: 'do it although something is in the way' },
} as const satisfies Options

export type CniInput = Input<typeof options>

/** What the options ask for. Throws NatspaceError BAD_NETWORK (exit 2) where the plugin would not take it. */
export const requestOf = (given: CniInput['options']): NetworkRequest => {
  const { subnet = [], noMasquerade = [], accept = [], host, isolated, fixFirewall } = given
  const mtu = given.mtu === undefined ? undefined : numberOf(given.mtu)
  const request = {
    name: nameOf(given),
    subnets: subnet,
    noMasquerade,
    accept,
    host,
    isolated,
    mtu,
    fixFirewall,
  }
  try {
    checkRequest(request)
  } catch (error) {
    if (!(error instanceof CniError)) throw error
    throw usageError('BAD_NETWORK', 'Cannot make such a network', `${error.message}: ${error.details}`, [
      'natspace cni --help lists the options',
    ])
  }
  return request
}

const numberOf = (text: string): number => {
  if (/^\d{1,5}$/.test(text)) return Number(text)
  throw usageError('BAD_NETWORK', `Cannot use --mtu ${quote(text)}`, 'it is a number of bytes', [
    'write --mtu 1450',
  ])
}

/** The name of the network. Throws NatspaceError BAD_NETWORK (exit 2). */
export const nameOf = ({ name = 'natspace' }: CniInput['options']): string => {
  if (isCniName(name)) return name
  const why = 'it has letters, digits, _, . and -, and the first is a letter or a digit'
  throw usageError('BAD_NETWORK', `Cannot use the name ${quote(name)}`, why, ['choose another name'])
}

/** Folders by their real paths, and the file. Throws NatspaceError BAD_NETWORK (exit 2). */
export const placesOf = (given: CniInput['options']): Places => ({
  binDir: realFolder(resolve(given.binDir ?? '/opt/cni/bin')),
  confDir: realFolder(resolve(given.confDir ?? '/etc/cni/net.d')),
  file: fileOf(given),
})

const fileOf = (given: CniInput['options']): string => {
  const file = given.file ?? `10-${nameOf(given)}.conflist`
  if (/^[\w.@-]+\.conflist$/.test(file) && !file.startsWith('.')) return file
  const why = 'it is the name of a file that ends in .conflist, without a folder'
  throw usageError('BAD_NETWORK', `Cannot use the file ${quote(file)}`, why, [
    'choose another name; --conf-dir says where it is',
  ])
}

/** What is about the list alone. */
export const listOptions = [
  'file',
  ...(Object.keys(networkOptions) as (keyof typeof networkOptions)[]),
] as const

/** Throws NatspaceError CONFLICTING_OPTIONS (exit 2) where one of them is given. */
export const refuseOptions = (
  given: CniInput['options'],
  keys: readonly (keyof typeof options)[],
  beside: string,
  why: string,
): void => {
  const key = keys.find(name => given[name] !== undefined)
  if (key === undefined) return
  throw usageError('CONFLICTING_OPTIONS', `Cannot use ${optionName(key)} with ${beside}`, why, [
    'leave it out',
  ])
}
