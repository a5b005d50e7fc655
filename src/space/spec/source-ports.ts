/** The ports that connections leave by, and how many of them published ports leave over. */

import type { PortRange } from '../../linux/net/port.ts'
import type { Publish, Transport } from './types.ts'

/** Where a translation chooses its source ports: those that the host gives its own programs by default. */
export const sourcePorts: PortRange = { first: 32768, last: 60999 }

/**
 * The transport of which every source port is published on every address: no translation may choose one of them, and so
 * nothing could leave any more. Undefined where something is left of all.
 */
export function exhaustedTransport(publishes: readonly Publish[]): Transport | undefined {
  return (['tcp', 'udp', 'sctp'] as const).find(protocol => {
    let free = sourcePorts.first
    const claimed = publishes
      .filter(item => item.protocol === protocol && item.hostAddress === undefined)
      .toSorted((one, other) => one.hostPort.first - other.hostPort.first)
    for (const { hostPort } of claimed) {
      if (hostPort.first > free) break
      free = Math.max(free, hostPort.last + 1)
    }
    return free > sourcePorts.last
  })
}
