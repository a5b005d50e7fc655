import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { flowTuples } from '../../../test/support/arbitrary-flow.ts'
import { flowMatcher, mirrorOf, newFlow } from '../../linux/conntrack/index.ts'
import { isTraced, selectorsOf, sightOf, translationsOf } from './flow-sight.ts'
import type { TracedFlow } from './traced-flow.ts'

const ping = newFlow(
  {
    original: {
      source: '192.168.45.3',
      destination: '192.168.1.15',
      protocol: 1,
      icmp: { type: 8, code: 0, id: 7 },
    },
    reply: {
      source: '192.168.1.15',
      destination: '192.168.1.32',
      protocol: 1,
      icmp: { type: 0, code: 0, id: 9 },
    },
  },
  1,
)

describe('the translations of a flow', () => {
  test('are the fields in which the tuples are not each other’s mirror', () => {
    expect(translationsOf(ping)).toEqual([
      { field: 'source', before: '192.168.45.3', after: '192.168.1.32' },
      { field: 'icmpId', before: 7, after: 9 },
    ])
    expect(translationsOf({ original: ping.original, reply: mirrorOf(ping.original) })).toEqual([])
  })

  test('turn the original tuple into the mirror of the reply', () => {
    fc.assert(
      fc.property(flowTuples, tuples => {
        const { original, reply } = newFlow(tuples, 1)
        const after: Record<string, unknown> = { ...original, icmpId: original.icmp?.id }
        for (const change of translationsOf({ original, reply })) {
          expect(after[change.field]).toBe(change.before)
          after[change.field] = change.after
        }
        const mirror = mirrorOf(reply)
        for (const field of ['source', 'destination', 'sourcePort', 'destinationPort'] as const)
          if (mirror[field] !== undefined && original[field] !== undefined)
            expect(after[field]).toBe(mirror[field])
      }),
    )
  })
})

describe('where a packet stands in a flow', () => {
  test('is before or behind the translation, out or back', () => {
    expect(sightOf(ping, ping.original)).toEqual({ direction: 'original', side: 'before' })
    expect(sightOf(ping, mirrorOf(ping.reply))).toEqual({ direction: 'original', side: 'after' })
    expect(sightOf(ping, ping.reply)).toEqual({ direction: 'reply', side: 'before' })
    expect(sightOf(ping, mirrorOf(ping.original))).toEqual({ direction: 'reply', side: 'after' })
    expect(sightOf(ping, { ...ping.original, icmp: { type: 8, code: 0, id: 9 } })).toBeUndefined()
  })

  test('is both where nothing is translated', () => {
    const flow = { ...ping, reply: mirrorOf(ping.original) }
    expect(sightOf(flow, flow.original)).toEqual({ direction: 'original', side: 'untranslated' })
    expect(sightOf(flow, flow.reply)).toEqual({ direction: 'reply', side: 'untranslated' })
  })
})

describe('whether a flow is traced', () => {
  test('is told by one end, translated or not', () => {
    const traced = (destination: string): TracedFlow => ({
      family: 4,
      protocol: 1,
      destination: { address: destination },
    })
    for (const address of ['192.168.45.3', '192.168.1.15', '192.168.1.32'])
      expect(isTraced(traced(address), ping)).toBe(true)
    expect(isTraced(traced('192.168.1.33'), ping)).toBe(false)
    expect(isTraced({ family: 4, protocol: 6 }, ping)).toBe(false)
    expect(isTraced({ family: 6 }, ping)).toBe(false)
    expect(isTraced({ family: 4 }, ping)).toBe(true)
    // The identifier of the query, before or after.
    for (const icmpId of [7, 9]) expect(isTraced({ ...traced('192.168.1.15'), icmpId }, ping)).toBe(true)
    expect(isTraced({ ...traced('192.168.1.15'), icmpId: 8 }, ping)).toBe(false)
  })

  test('agrees with what the list of connections is asked for', () => {
    let count = 0
    fc.assert(
      fc.property(flowTuples, fc.nat(7), (tuples, which) => {
        const flow = newFlow(tuples, 1)
        const { source, destination, protocol, sourcePort, destinationPort } = flow.original
        const end = (address: string, port: number | undefined) => ({
          address,
          ...(port === undefined || which & 4 ? {} : { port }),
        })
        const traced: TracedFlow = {
          family: flow.family,
          protocol,
          ...(which & 1 ? { source: end(source, sourcePort) } : {}),
          ...(which & 2 ? { destination: end(destination, destinationPort) } : {}),
        }
        expect(isTraced(traced, flow)).toBe(true)
        expect(flowMatcher(selectorsOf(traced))(flow)).toBe(true)
        count++
      }),
    )
    expect(count).toBeGreaterThan(0)
  })
})
