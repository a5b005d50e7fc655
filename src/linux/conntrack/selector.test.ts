import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { flowSelector, flowTuples } from '../../../test/support/arbitrary-flow.ts'
import { refuseEmpty } from './delete.ts'
import { newFlow } from './new-flow.ts'
import { type FlowSelector, familyOf, flowMatcher, matchesFlow } from './selector.ts'
import type { FlowTuple } from './tuple.ts'

const flow = (original: FlowTuple, reply?: FlowTuple) => newFlow({ original, ...(reply && { reply }) }, 1)

/** 192.168.1.32:8080 is published as 192.168.45.3:80. */
const published = flow(
  {
    source: '192.168.1.15',
    destination: '192.168.1.32',
    protocol: 17,
    sourcePort: 40000,
    destinationPort: 8080,
  },
  {
    source: '192.168.45.3',
    destination: '192.168.1.15',
    protocol: 17,
    sourcePort: 80,
    destinationPort: 40000,
  },
)
/** 192.168.45.3 goes out as 192.168.1.32. */
const masqueraded = flow(
  {
    source: '192.168.45.3',
    destination: '192.168.1.15',
    protocol: 6,
    sourcePort: 40000,
    destinationPort: 443,
  },
  {
    source: '192.168.1.15',
    destination: '192.168.1.32',
    protocol: 6,
    sourcePort: 443,
    destinationPort: 40000,
  },
)
const plain = flow({
  source: 'fd00::1',
  destination: 'fd00::2',
  protocol: 17,
  sourcePort: 9,
  destinationPort: 53,
})
const query = { source: '10.0.0.1', destination: '10.0.0.2', protocol: 1, icmp: { type: 8, code: 0, id: 7 } }
const ping = flow(query)
/** The same port at another, and only the identifier changed. */
const redirected = flow(plain.original, { ...plain.reply, sourcePort: 5353 })
const renumbered = flow(query, {
  source: '10.0.0.2',
  destination: '10.0.0.1',
  protocol: 1,
  icmp: { type: 0, code: 0, id: 8 },
})

const all = { published, masqueraded, plain, ping, redirected, renumbered }
type Name = keyof typeof all

const cases: [FlowSelector, Name[]][] = [
  [{}, ['published', 'masqueraded', 'plain', 'ping', 'redirected', 'renumbered']],
  [{ family: 6 }, ['plain', 'redirected']],
  [{ family: 4, protocol: 17 }, ['published']],
  [{ protocol: 1 }, ['ping', 'renumbered']],
  [{ originalSource: '192.168.45.3' }, ['masqueraded']],
  [{ replyDestination: '192.168.1.32' }, ['masqueraded']],
  [{ originalDestination: '192.168.1.32' }, ['published']],
  [{ originalDestinationPort: { first: 8080, last: 8080 } }, ['published']],
  [{ originalDestinationPort: { first: 53, last: 443 } }, ['masqueraded', 'plain', 'redirected']],
  [{ originalDestinationPort: { first: 54, last: 442 } }, []],
  // ICMP has no ports: no range holds it.
  [{ protocol: 1, originalDestinationPort: { first: 0, last: 65535 } }, []],
  [{ replySource: '192.168.45.3' }, ['published']],
  [{ replySource: '192.168.45.3', replySourcePort: { first: 80, last: 80 } }, ['published']],
  [{ replySource: '192.168.45.3', replySourcePort: { first: 81, last: 90 } }, []],
  [{ family: 4, notReplySource: '192.168.45.3' }, ['masqueraded', 'ping', 'renumbered']],
  [{ originalNotTranslated: true }, ['plain', 'ping']],
  [{ originalNotTranslated: false }, ['published', 'masqueraded', 'redirected', 'renumbered']],
  [{ destinationTranslated: true }, ['published', 'redirected']],
  [{ destinationTranslated: false }, ['masqueraded', 'plain', 'ping', 'renumbered']],
  // A published port that moved: what went to the old place, and what went nowhere.
  [{ originalDestination: '192.168.1.32', protocol: 17, notReplySource: '192.168.45.4' }, ['published']],
  [{ originalDestination: '192.168.1.32', protocol: 17, notReplySource: '192.168.45.3' }, []],
]

describe('a selector', () => {
  for (const [selector, names] of cases)
    test(`${JSON.stringify(selector)} matches ${names.join(', ') || 'none'}`, () => {
      const found = (Object.keys(all) as Name[]).filter(name => matchesFlow(selector, all[name]))
      expect(found).toEqual(names)
    })

  test('among many is found as if each were tried', () => {
    let matched = 0
    // With many fields they would hardly ever match.
    const short = fc
      .tuple(flowSelector, fc.constantFrom(0, 1, 2))
      .map(([selector, count]): FlowSelector => Object.fromEntries(Object.entries(selector).slice(0, count)))
    fc.assert(
      fc.property(fc.array(short, { maxLength: 6 }), flowTuples, (selectors, tuples) => {
        const any = newFlow(tuples, 1)
        const expected = selectors.some(selector => matchesFlow(selector, any))
        matched += Number(expected)
        expect(flowMatcher(selectors)(any)).toBe(expected)
      }),
      { numRuns: 1000 },
    )
    expect(matched).toBeGreaterThan(100)
  })

  test('its family is the given one, or that of an address of the flows it is about', () => {
    expect(familyOf({ family: 6 })).toBe(6)
    expect(familyOf({ replySource: '10.0.0.1' })).toBe(4)
    expect(familyOf({ originalSource: 'fd00::1' })).toBe(6)
    expect(familyOf({ notReplySource: '10.0.0.1', protocol: 17 })).toBeUndefined()
  })

  test('without fields is refused for a deletion', () => {
    expect(() => refuseEmpty([{ protocol: 17 }, {}])).toThrow(RangeError)
    expect(() => refuseEmpty([{ protocol: 17 }])).not.toThrow()
    expect(() => refuseEmpty([])).not.toThrow()
  })
})
