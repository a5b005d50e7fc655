import type { Fault } from './catalogue/entry.ts'
import { generalFaults } from './catalogue/general.ts'
import { linkFaults } from './catalogue/link.ts'
import { namespaceFaults } from './catalogue/namespace.ts'
import { packetFaults } from './catalogue/packet.ts'
import { routeFaults } from './catalogue/route.ts'
import { serviceFaults } from './catalogue/service.ts'

/**
 * Every fault that the doctor knows, in the order in which faults have to be mended: from the namespace over the links,
 * routes and rules up to names. What is found is told in this order.
 */
export const catalogue = {
  ...namespaceFaults,
  ...linkFaults,
  ...routeFaults,
  ...packetFaults,
  ...serviceFaults,
  ...generalFaults,
} as const satisfies Readonly<Record<string, Fault>>

/** The code of a fault, as `natspace explain` knows it. */
export type FaultCode = keyof typeof catalogue

export const faultCodes = Object.keys(catalogue) as FaultCode[]

/** What is the same for all findings of a code. */
export const faultOf = (code: FaultCode): Fault => catalogue[code]
