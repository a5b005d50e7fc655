import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { type RecordedTrace, recordedTrace } from '../../../test/support/recorded-trace.ts'
import { headerLine, readTraces, type SavedLine, savedLine, TraceFileError } from './saved.ts'
import { storyOf } from './story.ts'

const names: readonly RecordedTrace[] = ['answered', 'refused', 'policy', 'untranslated', 'unforwarded']
const header = headerLine('6.18.0', new Date('2026-11-23T06:00:00Z'))
const encoder = new TextEncoder()

/** What is read of a text, cut into parts of so many bytes. */
const read = (content: string, part = 1_000_000): SavedLine[] => {
  const bytes = encoder.encode(content)
  const parts: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += part) parts.push(bytes.subarray(at, at + part))
  return [...readTraces(parts).lines]
}

const fileOf = (...lines: SavedLine[]): string => header + lines.map(savedLine).join('')

const faultOf = (content: string): TraceFileError => {
  try {
    read(content)
  } catch (error) {
    if (error instanceof TraceFileError) return error
    throw error
  }
  throw new Error('nothing was wrong with it')
}

describe('what was saved', () => {
  test.each(names.map(name => [name]))('tells the same story: %s', name => {
    const observation = recordedTrace(name)
    const [saved] = read(fileOf({ type: 'flow', flow: 3, observation }), 1000)
    if (saved?.type !== 'flow') throw new Error('it is no flow')
    expect(saved.flow).toBe(3)
    expect(storyOf(saved.observation)).toEqual(storyOf(observation))
  })

  test('keeps numbers of 64 bits, and text in which parts of the file end', () => {
    const observation = recordedTrace('answered')
    const flow = observation.entry?.flow
    if (flow === undefined) throw new Error('it has no entry')
    const counted = { packets: 18_446_744_073_709_551_615n, bytes: 2n ** 60n }
    flow.counters = { original: counted, reply: counted }
    observation.space.name = 'ein-Raum-äöü-€-𐍈'
    for (const part of [7, 4096]) {
      const [saved] = read(fileOf({ type: 'flow', observation }), part)
      if (saved?.type !== 'flow') throw new Error('it is no flow')
      expect(saved.observation.entry?.flow.counters?.original).toEqual(counted)
      expect(saved.observation.space.name).toBe(observation.space.name)
    }
  })

  test('keeps what was missed, and what was not told', () => {
    const lines: SavedLine[] = [
      { type: 'snapshot', space: 'web', interface: 'eth0', hostInterface: 'veth-web', uplink: null },
      { type: 'lost', place: 'host' },
      { type: 'summary', open: 1, skipped: 2, leftOut: 3 },
    ]
    expect(read(fileOf(...lines))).toEqual(lines)
  })
})

describe('a file that is not one', () => {
  const observation = recordedTrace('answered')
  const good = fileOf({ type: 'flow', observation })

  test('is refused with the line and the field', () => {
    const cases: [string, number, string | undefined][] = [
      ['', 1, undefined],
      ['#!/bin/sh\n', 1, undefined],
      ['{"kind":"capture","natspace":"1"}\n', 1, 'kind'],
      [good.replace('"schemaVersion":1', '"schemaVersion":2'), 1, 'schemaVersion'],
      [good.replace('"schemaVersion":1', '"schemaVersion":0'), 1, 'schemaVersion'],
      [good.slice(0, -1), 2, undefined],
      [good.replace('"isOld":false', '"isOld":0'), 2, 'observation.isOld'],
      [good.replace('"isOld":false,', ''), 2, 'observation.isOld'],
      [good.replace('"isOld":false', '"isOld":false,"more":1'), 2, 'observation.more'],
      [good.replace('"hook":"output"', '"hook":"\\u001b[31m"'), 2, 'observation.inside[0].hooks[0].hook'],
      [good.replace('"source":"192.168.45.3"', '"source":"\\u001b[2J"'), 2, 'observation.tuple.source'],
      [`${good}[[[[\n`, 3, undefined],
      [`${good}${'['.repeat(200_000)}\n`, 3, undefined],
    ]
    for (const [content, line, field] of cases) {
      const fault = faultOf(content)
      expect([fault.line, fault.field]).toEqual([line, field])
    }
    expect(faultOf(cases[3]?.[0] ?? '').message).toContain('a newer natspace wrote it')
  })

  test('is refused where it is no UTF-8', () => {
    expect(() => [...readTraces([encoder.encode(header), Uint8Array.of(0xff, 0x0a)]).lines]).toThrow(
      TraceFileError,
    )
  })

  test('throws nothing else, whatever is changed in it; and what is read can be told', () => {
    const bytes = encoder.encode(good)
    fc.assert(
      fc.property(
        fc.array(fc.record({ at: fc.nat(bytes.length - 1), by: fc.integer({ min: 0, max: 255 }) }), {
          minLength: 1,
          maxLength: 5,
        }),
        changes => {
          const changed = bytes.slice()
          for (const { at, by } of changes) changed[at] = by
          try {
            for (const saved of readTraces([changed]).lines)
              if (saved.type === 'flow') storyOf(saved.observation)
          } catch (error) {
            if (!(error instanceof TraceFileError)) throw error
          }
        },
      ),
      { numRuns: 500 },
    )
  })

  test('of values that are put elsewhere neither', () => {
    const value = JSON.parse(savedLine({ type: 'flow', observation })) as Record<string, unknown>
    const places: { holder: Record<string, unknown>; key: string }[] = []
    const visit = (holder: Record<string, unknown>): void => {
      for (const [key, item] of Object.entries(holder)) {
        places.push({ holder, key })
        if (typeof item === 'object' && item !== null) visit(item as Record<string, unknown>)
      }
    }
    visit(value)
    const strange = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom('\u001b]0;x\u0007', '__proto__', -1, 1e300, '', null),
    )
    fc.assert(
      fc.property(fc.nat(places.length - 1), strange, (index, replacement) => {
        const place = places[index]
        if (place === undefined) return
        const { holder, key } = place
        const before = holder[key]
        holder[key] = replacement
        try {
          for (const saved of read(`${header}${JSON.stringify(value)}\n`))
            if (saved.type === 'flow') storyOf(saved.observation)
        } catch (error) {
          if (!(error instanceof TraceFileError)) throw error
        } finally {
          holder[key] = before
        }
      }),
      { numRuns: 1500 },
    )
  })
})
