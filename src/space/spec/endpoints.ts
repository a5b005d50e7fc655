/** The addresses of a space, one after another: those that every space has, and further ones. */

import type { ResolvedSpace } from './types.ts'

/** One address of the inner end. */
export type InnerAddress = {
  family: 4 | 6
  address: string
  /** The address of the host end by which packets leave. */
  gateway: string
  /** Length of the subnet that both ends share; that of the whole address where each has a route to the other instead. */
  sharedLength: number
  /** What the address bears as its length. */
  prefixLength: number
  /** The network that the address belongs to, where the ends do not share it: the way there is by the gateway. */
  subnet?: string
}

/** Bits of an address. */
export const wholeLength = { 4: 32, 6: 128 } as const

/** Whether the ends of the cable share no subnet. */
export const isRouted = ({ family, sharedLength }: InnerAddress): boolean =>
  sharedLength === wholeLength[family]

/** All addresses of a space, its own of each family first; '' is none. */
export const innerAddresses = (
  space: Pick<ResolvedSpace, 'address' | 'gateway' | 'prefixLength' | 'subnet' | 'ipv6' | 'further'>,
): InnerAddress[] => {
  const { address, gateway, prefixLength, subnet, ipv6, further = [] } = space
  return [
    ...(address === '' ? [] : [inner(address, gateway, prefixLength, subnet)]),
    ...(ipv6 === undefined ? [] : [inner(ipv6.address, ipv6.gateway, ipv6.prefixLength, ipv6.subnet)]),
    ...further.map(item =>
      inner(item.address, item.gateway, wholeLength[familyOf(item.address)], item.subnet),
    ),
  ]
}

const familyOf = (address: string): 4 | 6 => (address.includes(':') ? 6 : 4)

const inner = (
  address: string,
  gateway: string,
  sharedLength: number,
  subnet: string | undefined,
): InnerAddress => ({
  family: familyOf(address),
  address,
  gateway,
  sharedLength,
  prefixLength: subnet === undefined ? sharedLength : Number(subnet.slice(subnet.lastIndexOf('/') + 1)),
  ...(subnet === undefined ? {} : { subnet }),
})
