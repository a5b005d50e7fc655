import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { recordedTrace } from '../../../test/support/recorded-trace.ts'
import { storyOf } from '../../insight/trace/story.ts'
import { styleOf } from '../style.ts'
import { storyObjects } from './json.ts'
import { storyLines } from './text.ts'

const lines = (name: Parameters<typeof recordedTrace>[0], verbose = false): string[] =>
  storyLines(storyOf(recordedTrace(name)), styleOf(false), verbose)

test('without colours a change is marked by a star, with them by colour', () => {
  expect(lines('answered').slice(0, 7)).toEqual([
    'myspace: an echo by ICMP, 192.168.45.3 > 192.168.1.15, id 29610',
    '',
    'link   point         request, downwards                      reply, upwards',
    'veth2  in the space  192.168.45.3 > 192.168.1.15, id 29610   192.168.1.15 > 192.168.45.3, id 29610',
    'veth1  its cable     192.168.45.3 > 192.168.1.15, id 29610   192.168.1.15 > 192.168.45.3*, id 29610',
    'eth0   uplink        192.168.1.32* > 192.168.1.15, id 29610  192.168.1.15 > 192.168.1.32, id 29610',
    '(* changed since the point before)',
  ])
  const colored = storyLines(storyOf(recordedTrace('answered')), styleOf(true), false).join('\n')
  expect(colored).toContain('\x1b[1m\x1b[36m192.168.1.32\x1b[39m\x1b[22m > 192.168.1.15')
  expect(colored).not.toContain('*')
})

test('the guilty chain stands in the way and at the end', () => {
  const text = lines('policy')
  expect(text).toContain('veth1    forward  ip filter FORWARD (iptables): policy drop')
  expect(text.at(-1)).toBe('dropped: it was stopped by the policy of ip filter FORWARD (iptables)')
})

test('-v shows each chain with its rules, and what those of natspace are for', () => {
  const [short, long] = [lines('answered'), lines('answered', true)]
  expect(short.some(line => line.includes('natspace guard'))).toBe(false)
  expect(long).toContain('    from_space: iifname . ip saddr @source4 return [return]')
  expect(long.some(line => line.startsWith('    Before anything is translated:'))).toBe(true)
})

test('names and rules of others never reach the terminal as they are', () => {
  // ESC, CR, a bidirectional override, a line separator, a C1 control character.
  const hostile = fc.array(fc.constantFrom('\x1b[2J', '\r', '\u202e', '\u2028', '\x9b', 'a', '\\'), {
    minLength: 1,
    maxLength: 6,
  })
  fc.assert(
    fc.property(hostile, fc.boolean(), (parts, verbose) => {
      const bad = JSON.stringify(parts.join('')).slice(1, -1)
      const text = JSON.stringify(recordedTrace('policy'))
        .replaceAll('"veth1"', `"${bad}"`)
        .replaceAll('"FORWARD"', `"${bad}"`)
        .replaceAll('"iptables"', `"${bad}"`)
        .replaceAll(/"text":"(?:[^"\\]|\\.)*"/g, `"text":"${bad}"`)
      const shown = storyLines(storyOf(JSON.parse(text)), styleOf(false), verbose).join('\n')
      expect(shown).not.toMatch(/[\x1b\r\u202e\u2028\x9b]/)
    }),
  )
})

test('--json has the fields of the contract in each event, and the end last', () => {
  const objects = storyObjects(storyOf(recordedTrace('refused')))
  for (const event of objects.slice(0, -1))
    expect(Object.keys(event)).toEqual(
      expect.arrayContaining([
        'type',
        'packet',
        'point',
        'hook',
        'chain',
        'rule',
        'verdict',
        'before',
        'after',
        'interface',
        'time',
      ]),
    )
  expect(objects.at(-1)).toMatchObject({ type: 'end', outcome: 'answered', refused: true })
})
