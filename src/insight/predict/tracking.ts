import { PROTOCOL_NUMBER } from '../../linux/net/protocol.ts'
import type { ConnectionState } from '../../linux/nftables/evaluate/index.ts'
import type { Ruleset } from '../../linux/nftables/index.ts'
import type { Wire } from './wire.ts'

/** One end of a connection behind a translation; a port that is chosen at the time is missing. */
export type TranslatedEnd = { address: string; port: number | undefined }

/** What connection tracking of one namespace would know of the flow: it begins with the first packet. */
export class Tracking {
  state: ConnectionState | undefined = 'new'
  mark: number | undefined = 0
  /** The first packet as it came to the namespace. */
  original: Wire | undefined
  /** The zone that rules have put the first packet into, as a text to compare. */
  zone: string | undefined
  source: TranslatedEnd | undefined
  destination: TranslatedEnd | undefined

  /**
   * An answer comes: from now on the connection is established. Without a connection an answer is not taken for the beginning
   * of another one, but for UDP, which has no beginnings.
   */
  answered(): void {
    if (this.state === 'new') this.state = 'established'
    else if (this.state === 'untracked')
      this.state = this.original?.protocol === PROTOCOL_NUMBER.udp ? undefined : 'invalid'
  }
}

/** Instructions for which the kernel starts to track connections in a namespace. */
const tracking: readonly string[] = [
  'ct',
  'nat',
  'masq',
  'redir',
  'connlimit',
  'notrack',
  'synproxy',
  'flow_offload',
]
const trackingExtensions =
  /^(conntrack|state|connmark|connlimit|connbytes|helper|DNAT|SNAT|MASQUERADE|REDIRECT|NETMAP|CT|CONNMARK)$/

/** Whether connections are tracked in a namespace at all: only where a rule asks for them. */
export const tracksConnections = ({ tables }: Ruleset): boolean =>
  tables.some(({ chains }) =>
    chains.some(
      ({ type, rules }) =>
        type === 'nat' ||
        rules.some(({ instructions }) =>
          instructions.some(
            instruction =>
              tracking.includes(instruction.name) ||
              ((instruction.name === 'match' || instruction.name === 'target') &&
                trackingExtensions.test(instruction.data.name ?? '')),
          ),
        ),
    ),
  )
