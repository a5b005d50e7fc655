import type { PortRange } from '../net/port.ts'
import type { ConntrackMessage } from './message.ts'
import { type FlowSelector, familyOf } from './selector.ts'
import { addressAttributes, type TupleAttributes } from './tuple.ts'

/**
 * Theory of operation. A host may track hundreds of thousands of flows, of which a few are wanted; the kernel can be asked
 * to list only those that have certain values in their tuples (CTA_FILTER, since Linux 5.8). It knows single values and
 * the family, no ranges and no negation, so what comes is a superset of what is wanted and is sifted again here. An older
 * kernel does not read the attribute and lists all of the family. Addresses of IPv6 are never asked for: up to Linux 6.18
 * at least the kernel compares them the wrong way round, and lists all flows but those with the address.
 */

/** The family (0: both) and the attributes of a request for a list. */
export type KernelFilter = { family: 0 | 4 | 6; attributes: ConntrackMessage['attributes'] }

/** CTA_FILTER_FLAG of net/netfilter/nf_internals.h: the parts of a tuple that are to be compared. */
const parts = {
  source: 1 << 0,
  destination: 1 << 1,
  protocol: 1 << 3,
  sourcePort: 1 << 4,
  destinationPort: 1 << 5,
} as const

/** What all the selectors agree on, as the kernel can be asked for it. */
export const kernelFilter = (selectors: readonly FlowSelector[]): KernelFilter => {
  const family = agreed(selectors, familyOf)
  // The kernel refuses to compare tuples of no family.
  if (family === undefined) return { family: 0, attributes: {} }
  const number = agreed(selectors, selector => selector.protocol)
  const original = wanted({
    source: ipv4(agreed(selectors, selector => selector.originalSource)),
    destination: ipv4(agreed(selectors, selector => selector.originalDestination)),
    protocol: number,
    destinationPort: agreed(selectors, selector => onlyPort(selector.originalDestinationPort)),
  })
  const reply = wanted({
    source: ipv4(agreed(selectors, selector => selector.replySource)),
    protocol: number,
    sourcePort: agreed(selectors, selector => onlyPort(selector.replySourcePort)),
  })
  if (original.flags === 0 && reply.flags === 0) return { family, attributes: {} }
  return {
    family,
    attributes: {
      ...(original.flags === 0 ? {} : { original: original.tuple }),
      ...(reply.flags === 0 ? {} : { reply: reply.tuple }),
      filter: { originalFlags: original.flags, replyFlags: reply.flags },
    },
  }
}

/** The value that is the same in all selectors, or undefined. */
const agreed = <T>(
  selectors: readonly FlowSelector[],
  read: (selector: FlowSelector) => T | undefined,
): T | undefined => {
  const [first, ...others] = selectors
  const value = first && read(first)
  return others.every(selector => read(selector) === value) ? value : undefined
}

const ipv4 = (address: string | undefined): string | undefined =>
  address?.includes(':') ? undefined : address

const onlyPort = (range: PortRange | undefined): number | undefined =>
  range !== undefined && range.first === range.last ? range.first : undefined

type Wanted = {
  [K in keyof typeof parts]?: K extends 'source' | 'destination' ? string | undefined : number | undefined
}

const wanted = (values: Wanted): { flags: number; tuple: TupleAttributes } => {
  const { source, destination, protocol } = values
  // Ports mean nothing without a protocol, and the kernel refuses them then.
  const sourcePort = protocol === undefined ? undefined : values.sourcePort
  const destinationPort = protocol === undefined ? undefined : values.destinationPort
  const given = { source, destination, protocol, sourcePort, destinationPort }
  let flags = 0
  for (const key of Object.keys(parts) as (keyof typeof parts)[])
    if (given[key] !== undefined) flags |= parts[key]
  return {
    flags,
    tuple: {
      ...(source === undefined && destination === undefined
        ? {}
        : { addresses: addressAttributes({ source, destination }) }),
      ...(protocol === undefined
        ? {}
        : {
            protocol: {
              number: protocol,
              ...(sourcePort === undefined ? {} : { sourcePort }),
              ...(destinationPort === undefined ? {} : { destinationPort }),
            },
          }),
    },
  }
}
