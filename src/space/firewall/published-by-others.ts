import { PROTOCOL_NUMBER } from '../../linux/net/protocol.ts'
import type { NatAction, Packet } from '../../linux/nftables/evaluate/index.ts'
import type { Ruleset, TextOptions } from '../../linux/nftables/index.ts'
import { evaluator } from '../../linux/nftables/late.ts'
import { tableName } from '../marks.ts'
import { type Place, placeOf } from './places.ts'

/** A port of the host. */
export type HostPort = {
  family: 4 | 6
  protocol: 'tcp' | 'udp' | 'sctp'
  port: number
  /** The host's address; without one any of them. */
  address?: string
  /** The link by which the outside comes; without one any. */
  uplink?: string
}

/** Somebody else's rule that leads a port of the host elsewhere. */
export type PublishedByOther = Place & {
  /** For connections from outside (prerouting), or for those of the host itself (output). */
  hook: 'prerouting' | 'output'
  /** Where it leads to. What is left out stays, or is not known (a range, or a map that is not). */
  target: NatAction
  /** false: it depends on who asks (an address or an interface that the rule wants). */
  certain: boolean
  /** Of its base chain: of the nat chains that apply, the one with the lowest priority wins. */
  priority: number
}

/** Every nat rule of others that takes the port already. Pure. */
export const publishedByOthers = (
  ruleset: Ruleset,
  wanted: HostPort,
  options: TextOptions = {},
): PublishedByOther[] =>
  (['prerouting', 'output'] as const).flatMap(hook => {
    const question = {
      hook,
      types: ['nat'],
      chains: (table: { name: string }) => table.name !== tableName,
    } as const
    const { steps, nat } = evaluator().evaluateHook(ruleset, question, packetTo(wanted, hook))
    return steps.flatMap(({ possible, priority }) =>
      possible.flatMap(({ nat: translation }) => {
        if (translation === undefined || translation.kind === 'snat' || translation.kind === 'masquerade')
          return []
        const { by, ...target } = translation
        return [{ ...placeOf(ruleset, by, options), hook, target, certain: nat?.by === by, priority }]
      }),
    )
  })

/** The first packet of a connection to the port. */
const packetTo = (
  { family, protocol, port, address, uplink }: HostPort,
  hook: 'prerouting' | 'output',
): Packet => ({
  family,
  protocol: PROTOCOL_NUMBER[protocol],
  destinationPort: port,
  ...(protocol === 'tcp' ? { tcpFlags: 2 } : {}),
  ...(address === undefined ? {} : { destination: address }),
  ...(hook === 'prerouting' && uplink !== undefined ? { iifname: uplink } : {}),
  ...(hook === 'output' ? { oifname: 'lo' } : {}),
  ctState: 'new',
  ctDirection: 'original',
  ctStatus: { dnat: false, snat: false },
  fib: ({ flags, result }) =>
    result === 'type' && flags[0] === 'daddr' && flags.length === 1 ? 'local' : undefined,
})
