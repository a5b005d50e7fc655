/** Generators of flows for fast-check, close together so that selectors meet them often. */
import fc from 'fast-check'
import type { FlowSelector, FlowTuple } from '../../src/linux/conntrack/index.ts'

const addresses = {
  4: ['10.0.0.1', '10.0.0.2', '192.0.2.1'],
  6: ['fd00::1', 'fd00::2', '2001:db8::1'],
} as const
const port = fc.constantFrom(1, 53, 80, 443, 8080, 65535)

const portsOf = (family: 4 | 6, protocol: number): fc.Arbitrary<Pick<FlowTuple, 'sourcePort' | 'icmp'>> => {
  const icmp = fc.record({
    type: fc.constantFrom(...(family === 4 ? [8, 0, 13, 14] : [128, 129])),
    code: fc.constantFrom(0, 1),
    id: fc.constantFrom(0, 7, 65535),
  })
  if (protocol === 1 || protocol === 58) return fc.record({ icmp })
  return protocol === 99 ? fc.constant({}) : fc.record({ sourcePort: port, destinationPort: port })
}

const tupleOf = (family: 4 | 6, protocol: number): fc.Arbitrary<FlowTuple> =>
  fc
    .tuple(
      fc.constantFrom(...addresses[family]),
      fc.constantFrom(...addresses[family]),
      portsOf(family, protocol),
      fc.option(fc.nat({ max: 3 }), { nil: undefined }),
    )
    .map(([source, destination, ports, zone]) => ({
      source,
      destination,
      protocol,
      ...ports,
      ...(zone === undefined ? {} : { zone }),
    }))

/** A family and a protocol that go together. */
const kind = fc
  .constantFrom<4 | 6>(4, 6)
  .chain(family => fc.tuple(fc.constant(family), fc.constantFrom(6, 17, 99, family === 4 ? 1 : 58)))

/** One direction of any flow. */
export const flowTuple: fc.Arbitrary<FlowTuple> = kind.chain(([family, protocol]) =>
  tupleOf(family, protocol),
)

/** Both directions of a flow, translated or not. */
export const flowTuples: fc.Arbitrary<{ original: FlowTuple; reply: FlowTuple }> = kind.chain(
  ([family, protocol]) =>
    fc.record({ original: tupleOf(family, protocol), reply: tupleOf(family, protocol) }),
)

const range = fc
  .tuple(port, port)
  .map(([one, other]) => ({ first: Math.min(one, other), last: Math.max(one, other) }))
const address = fc.constantFrom(...addresses[4], ...addresses[6])

/** Any selector, the empty one too. */
export const flowSelector = fc.record(
  {
    family: fc.constantFrom<4 | 6>(4, 6),
    protocol: fc.constantFrom(1, 6, 17, 58, 99),
    originalSource: address,
    originalDestination: address,
    originalDestinationPort: range,
    replySource: address,
    replySourcePort: range,
    replyDestination: address,
    notReplySource: address,
    originalNotTranslated: fc.boolean(),
    destinationTranslated: fc.boolean(),
  },
  { requiredKeys: [] },
) satisfies fc.Arbitrary<FlowSelector>
