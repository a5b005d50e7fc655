import type { Packet } from '../../linux/nftables/evaluate/index.ts'
import type { HookName } from '../../linux/nftables/index.ts'
import type { StoryEvent } from '../trace/events.ts'
import type { PlaceFacts } from './facts.ts'
import { fibAnswers } from './fib.ts'
import type { Tracking } from './tracking.ts'
import type { LinksOnWay } from './translation.ts'
import type { Wire } from './wire.ts'

/** A packet at a hook, as a passage has it. */
export type AtHook = {
  hook: HookName
  links: LinksOnWay
  wire: Wire
  mark: number | undefined
  packet: StoryEvent['packet']
}

/** PACKET_HOST: links hand what is for others to nobody. */
const toThisHost = 0

/** The packet in the words of the evaluator: what is left out is not known. */
export const described = (
  { facts, tracking }: { facts: PlaceFacts; tracking: Tracking },
  { hook, links: { input, output }, wire, mark, packet }: AtHook,
): Packet => {
  const { icmpId: _icmpId, ...fields } = wire
  const { original, source, destination } = tracking
  const state = hook === 'ingress' ? 'invalid' : tracking.state
  return {
    ...fields,
    ...(input === undefined
      ? {}
      : {
          ...{ iifname: input.name, iif: input.index, iifgroup: input.group ?? 0 },
          ...kind('iifkind', input.kind),
        }),
    ...(output === undefined
      ? {}
      : { oifname: output.name, oif: output.index, ...kind('oifkind', output.kind) }),
    pkttype: toThisHost,
    ...(state === undefined ? {} : { ctState: state }),
    ctDirection: packet === 'reply' ? 'reply' : 'original',
    ctStatus: { snat: source !== undefined, dnat: destination !== undefined },
    ...(tracking.mark === undefined ? {} : { ctMark: tracking.mark }),
    ...(mark === undefined ? {} : { mark }),
    ...(original === undefined ? {} : { ctOriginal: endsOf(original) }),
    fib: fibAnswers(facts),
  }
}

const kind = (key: 'iifkind' | 'oifkind', value: string | undefined): Partial<Packet> =>
  value === undefined ? {} : { [key]: value }

const endsOf = ({
  source,
  destination,
  sourcePort,
  destinationPort,
}: Wire): NonNullable<Packet['ctOriginal']> => ({
  source,
  destination,
  ...(sourcePort === undefined ? {} : { sourcePort }),
  ...(destinationPort === undefined ? {} : { destinationPort }),
})
