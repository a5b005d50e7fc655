import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { base, facts, table } from '../../../test/support/predict-facts.ts'
import { recordedTrace } from '../../../test/support/recorded-trace.ts'
import { compare } from '../../insight/predict/compare.ts'
import { predict } from '../../insight/predict/predict.ts'
import type { Prediction } from '../../insight/predict/prediction.ts'
import { predictionShape } from '../../insight/predict/prediction-shape.ts'
import { storyOf } from '../../insight/trace/story.ts'
import { accept, drop, limit, masquerade, match, meta } from '../../linux/nftables/index.ts'
import { styleOf } from '../style.ts'
import { predictionObjects } from './predict-json.ts'
import { comparisonLines, predictionLines } from './predict-text.ts'

const plain = styleOf(false)
const flow = { family: 4, protocol: 'tcp', destination: '198.51.100.7', port: 80 } as const
const nat = table('nat', [[base('postrouting', 100, 'nat'), [match(meta('oifname'), 'eth0'), masquerade()]]])
const unsure = table('mine', [[base('forward'), [limit(5, 'second'), accept()], [drop()]]])
const delivered = predict(facts({ host: [nat] }), flow)
const unknown = predict(facts({ host: [nat, unsure] }), flow)

test('what nobody knows yet is a question mark', () => {
  const lines = predictionLines(delivered, plain, false)
  expect(lines[0]).toBe('web: a TCP connection, 10.0.0.2:? > 198.51.100.7:80; nothing is sent')
  expect(lines.find(line => line.startsWith('eth0   uplink'))).toContain('192.0.2.1*:? > 198.51.100.7:80 SYN')
  expect(lines).toContain('(* changed since the point before; ? chosen when it is sent)')
  expect(lines).toContain('note        source port outside: chosen at the time')
})

test('what cannot be known is told with the rule and both ways', () => {
  const text = predictionLines(unknown, plain, false).join('\n')
  expect(text).toContain('inet mine filter-forward-0 (nftables): not known')
  expect(text).toContain('  not known: limit rate 5/second\n  if it applies: delivered: ')
  const last = predictionObjects(unknown).at(-1)
  expect(last).toMatchObject({ type: 'end', source: 'predicted', outcome: 'unknown', agrees: null })
})

test('a comparison says of each step whether it came as predicted', () => {
  const story = storyOf(recordedTrace('answered'))
  const lines = (prediction: Prediction) =>
    comparisonLines(compare(prediction, story), prediction, story, plain, false)
  const own: Prediction = {
    ...delivered,
    events: story.events,
    points: story.points,
    tuple: story.tuple,
    connection: story.connection,
  }
  expect(lines(own).at(-1)).toBe('as predicted')
  expect(lines({ ...own, events: own.events.slice(1) }).join('\n')).toContain('≠')
  expect(lines({ ...own, end: unknown.end }).join('\n')).toContain('what happened could not be predicted')
})

test('a prediction is plain data, and text in it never reaches a terminal as it is', () => {
  const value = JSON.parse(JSON.stringify(unknown)) as Record<string, unknown>
  expect(predictionShape(value, 'prediction')).toEqual(value as Prediction)
  const texts: { holder: Record<string, unknown>; key: string }[] = []
  const visit = (holder: Record<string, unknown>): void => {
    for (const [key, item] of Object.entries(holder))
      if (typeof item === 'string') texts.push({ holder, key })
      else if (typeof item === 'object' && item !== null) visit(item as Record<string, unknown>)
  }
  visit(value)
  fc.assert(
    fc.property(
      fc.nat(texts.length - 1),
      fc.constantFrom('\u001b[2J', 'a\rb', '\u202eabc', '\n'),
      (index, hostile) => {
        const place = texts[index]
        if (place === undefined) return
        const { holder, key } = place
        const before = holder[key]
        holder[key] = hostile
        try {
          const prediction = predictionShape(value, 'prediction')
          for (const line of predictionLines(prediction, plain, true))
            expect(line).not.toMatch(/[\p{Cc}\p{Cf}]/u)
        } catch (error) {
          // A value that must be one of a few is refused.
          expect((error as Error).name).toBe('ShapeError')
        } finally {
          holder[key] = before
        }
      },
    ),
    { numRuns: 300 },
  )
})
