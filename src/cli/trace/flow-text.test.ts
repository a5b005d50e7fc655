import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { type RecordedTrace, recordedTrace } from '../../../test/support/recorded-trace.ts'
import { storyOf } from '../../insight/trace/story.ts'
import { styleOf } from '../style.ts'
import { flowLines } from './flow-text.ts'
import { storyObjects } from './json.ts'
import { Tally } from './tally.ts'

const lines = (name: RecordedTrace, verbose = false): string[] =>
  flowLines(7, storyOf(recordedTrace(name)), styleOf(false), verbose).map(line =>
    line.replace(/ at \d\d:\d\d:\d\d/, '').replace(/(?<=\S) {2,}/g, ' | '),
  )

test('a flow has its points as columns, in the order of its request; what did not change is not told again', () => {
  expect(lines('answered')).toEqual([
    'flow 7: an echo by ICMP',
    '           veth2 in the space | veth1 its cable | eth0 uplink',
    '  request | 192.168.45.3 > 192.168.1.15, id 29610 | = | 192.168.1.32* > 192.168.1.15, id 29610',
    '  reply | = | 192.168.1.15 > 192.168.45.3*, id 29610 | 192.168.1.15 > 192.168.1.32, id 29610',
    expect.stringMatching(/^ {2}answered: 192\.168\.1\.15 answered the echo after [\d.]+ ms$/),
    '',
  ])
  expect(lines('published').slice(0, 4)).toEqual([
    'flow 7: a TCP connection to the space',
    '           eth0 uplink | veth1 its cable | veth2 in the space',
    '  request | 192.168.1.15:29610 > 192.168.1.32:8080 SYN | 192.168.1.15:29610 > 192.168.45.3*:80* SYN | =',
    '  reply | 192.168.1.32*:8080* > 192.168.1.15:29610 SYN ACK | = | 192.168.45.3:80 > 192.168.1.15:29610 SYN ACK',
  ])
})

test('a drop names what is guilty of it, and -v tells the whole story', () => {
  expect(lines('published-policy').slice(2)).toEqual([
    '  request | 192.168.1.15:29612 > 192.168.1.32:8080 SYN | - | -',
    '  reply | - | - | -',
    '  dropped: it was stopped by the policy of ip filter FORWARD (iptables)',
    '',
  ])
  const long = lines('published-policy', true)
  expect(long[0]).toBe(
    'flow 7, myspace: a TCP connection to the space, 192.168.1.15:29612 > 192.168.1.32:8080',
  )
  expect(long.some(line => line.includes('policy drop'))).toBe(true)
})

test('each line of --json has the number of its flow', () => {
  const objects = storyObjects(storyOf(recordedTrace('published')), 7) as Record<string, unknown>[]
  expect(objects.every(({ flow }) => flow === 7)).toBe(true)
  expect(objects.at(-1)).toMatchObject({ type: 'end', flow: 7, direction: 'in', old: false })
})

test('names and rules of others never reach the terminal as they are', () => {
  // ESC, CR, a bidirectional override, a line separator, a C1 control character.
  const hostile = fc.array(fc.constantFrom('\x1b[2J', '\r', '\u202e', '\u2028', '\x9b', 'a', '\\'), {
    minLength: 1,
    maxLength: 6,
  })
  fc.assert(
    fc.property(
      hostile,
      fc.constantFrom('policy' as const, 'published-policy' as const, 'unpublished' as const),
      fc.boolean(),
      (parts, name, verbose) => {
        const bad = JSON.stringify(parts.join('')).slice(1, -1)
        const text = JSON.stringify(recordedTrace(name))
          .replaceAll(/"(veth1|eth0|veth2|myspace|FORWARD|iptables)"/g, `"${bad}"`)
          .replaceAll(/"text":"(?:[^"\\]|\\.)*"/g, `"text":"${bad}"`)
        const shown = flowLines(1, storyOf(JSON.parse(text)), styleOf(false), verbose).join('\n')
        expect(shown).not.toMatch(/[\x1b\r\u202e\u2028\x9b]/)
      },
    ),
  )
})

test('the summary counts by ends, in one order', () => {
  const tally = new Tally()
  tally.add('lost', true)
  expect([tally.text, tally.hasFault]).toEqual(['1 flow: 1 lost', false])
  tally.add('dropped')
  expect([tally.text, tally.hasFault]).toEqual(['2 flows: 1 dropped, 1 lost', true])
  tally.add('answered')
  expect(tally.text).toBe('3 flows: 1 answered, 1 dropped, 1 lost')
  expect(tally.object).toEqual({ flows: 3, answered: 1, refused: 0, delivered: 0, dropped: 1, lost: 1 })
})
