/** Whom the containers of a network may reach under which address, and who them: natspace's own keys. Pure. */

import { badField, type Fields } from './fields.ts'
import { networkIn } from './network-text.ts'

export type Reach = {
  /** Networks that know the way to the containers: what goes there keeps its source. */
  untranslated: string[]
  /** Networks that may begin connections to a container at its own address. */
  accept: string[]
  /** Whether containers of the network are kept from each other. */
  isolated: boolean
  /** Whether each container has default routes whatever else is routed. */
  isDefaultGateway: boolean
}

const everywhere = ['0.0.0.0/0', '::/0']

/** Reads `noMasquerade`, `accept`, `isolated`, `ipMasq` and `isDefaultGateway`. Throws CniError 7. */
export const parseReach = (fields: Fields): Reach => {
  const written = networksIn(fields, 'noMasquerade')
  const untranslated = fields.flag('ipMasq') === false ? everywhere : written
  // Who sees the address is meant to use it, unless it is said otherwise.
  const accept = fields.get('accept') === undefined ? written : networksIn(fields, 'accept')
  for (const [key, networks] of Object.entries({ noMasquerade: written, accept }))
    if (networks.length > 0 && fields.flag('internal') === true)
      throw badField(key, networks, 'an internal network is shut in; leave out either of both')
  return {
    untranslated,
    accept,
    isolated: fields.flag('isolated') ?? false,
    isDefaultGateway: fields.flag('isDefaultGateway') ?? false,
  }
}

const networksIn = (fields: Fields, key: string): string[] => {
  const networks = fields.texts(key).map((text, index) => {
    const network = networkIn(text)
    if (network !== undefined) return network
    throw badField(`${fields.at(key)}[${index}]`, text, 'it must be a network such as 10.244.0.0/16')
  })
  return [...new Set(networks)]
}
