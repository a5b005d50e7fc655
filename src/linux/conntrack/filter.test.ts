import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { flowSelector, flowTuples } from '../../../test/support/arbitrary-flow.ts'
import { kernelFilter } from './filter.ts'
import type { Flow } from './flow.ts'
import { newFlow } from './new-flow.ts'
import { flowMatcher } from './selector.ts'
import { type FlowTuple, toTuple } from './tuple.ts'

const one = (port: number) => ({ first: port, last: port })

describe('what the kernel is asked to filter by', () => {
  test('is what all selectors agree on', () => {
    const filter = kernelFilter([
      { protocol: 17, originalDestination: '192.168.1.32', originalDestinationPort: one(53) },
      { protocol: 17, originalDestination: '192.168.1.32', originalDestinationPort: one(54) },
    ])
    expect(filter).toEqual({
      family: 4,
      attributes: {
        original: { addresses: { destination4: '192.168.1.32' }, protocol: { number: 17 } },
        reply: { protocol: { number: 17 } },
        filter: { originalFlags: 0b1010, replyFlags: 0b1000 },
      },
    })
  })

  test('holds single ports where there is a protocol', () => {
    const selector = { family: 6, originalDestinationPort: one(53), replySourcePort: one(5353) } as const
    expect(kernelFilter([selector])).toEqual({ family: 6, attributes: {} })
    expect(kernelFilter([{ ...selector, protocol: 17 }]).attributes).toEqual({
      original: { protocol: { number: 17, destinationPort: 53 } },
      reply: { protocol: { number: 17, sourcePort: 5353 } },
      filter: { originalFlags: 0b101000, replyFlags: 0b011000 },
    })
    const range = { ...selector, protocol: 17, originalDestinationPort: { first: 53, last: 54 } }
    expect(kernelFilter([range]).attributes.filter).toEqual({ originalFlags: 0b1000, replyFlags: 0b11000 })
  })

  test('is nothing for selectors of both families, or of either', () => {
    expect(kernelFilter([{ protocol: 17 }])).toEqual({ family: 0, attributes: {} })
    expect(kernelFilter([{ family: 4 }, { family: 6 }])).toEqual({ family: 0, attributes: {} })
  })

  test('never leaves out a flow that a selector matches', () => {
    const keys = [
      'family',
      'protocol',
      'originalSource',
      'originalDestination',
      'originalDestinationPort',
    ] as const
    const more = ['replySource', 'replySourcePort'] as const
    let matched = 0
    fc.assert(
      fc.property(
        flowTuples,
        fc.subarray([...keys, ...more]),
        fc.array(flowSelector),
        (tuples, chosen, others) => {
          const flow = newFlow(tuples, 1)
          const { original, reply } = flow
          const whole = {
            family: flow.family,
            protocol: original.protocol,
            originalSource: original.source,
            originalDestination: original.destination,
            originalDestinationPort: one(original.destinationPort ?? 0),
            replySource: reply.source,
            replySourcePort: one(reply.sourcePort ?? 0),
          }
          const own = Object.fromEntries(chosen.map(key => [key, whole[key]]))
          // Once alone, as others make the kernel's filter wider or none.
          for (const selectors of [[own], [own, ...others]]) {
            if (!flowMatcher(selectors)(flow)) return
            matched++
            expect(passes(kernelFilter(selectors), flow)).toBe(true)
          }
        },
      ),
      { numRuns: 1000 },
    )
    expect(matched).toBeGreaterThan(1000)
  })
})

/** As the kernel compares: the family, and the parts of the tuples that the flags name. */
const passes = ({ family, attributes }: ReturnType<typeof kernelFilter>, flow: Flow): boolean => {
  const { original = {}, reply = {}, filter = {} } = attributes
  return (
    (family === 0 || family === flow.family) &&
    isLike(toTuple(original), flow.original, filter.originalFlags ?? 0) &&
    isLike(toTuple(reply), flow.reply, filter.replyFlags ?? 0)
  )
}

const isLike = (wanted: FlowTuple, found: FlowTuple, flags: number): boolean =>
  (
    [
      ['source', 0],
      ['destination', 1],
      ['protocol', 3],
      ['sourcePort', 4],
      ['destinationPort', 5],
    ] as const
  ).every(([key, bit]) => {
    const isEqual = wanted[key] === found[key]
    // With addresses of IPv6 the kernel does the opposite.
    return (flags & (1 << bit)) === 0 || (String(found[key]).includes(':') ? !isEqual : isEqual)
  })
