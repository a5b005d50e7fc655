import { describe, expect, test } from 'bun:test'
import type { FlowSelector } from '../../linux/conntrack/index.ts'
import { shellOf } from './shell.ts'

const commandsOf = (selector: FlowSelector, where?: string) =>
  shellOf({ type: 'conntrack.delete', where, flows: [selector] })
const one = (port: number) => ({ first: port, last: port })

/** Run on the real kernel in test/kernel/conntrack.test.ts. */
describe('the command that deletes flows', () => {
  test('has options for single values', () => {
    expect(
      commandsOf({ protocol: 17, originalDestination: '192.168.1.32', originalDestinationPort: one(53) }),
    ).toEqual(['conntrack -D -p udp --orig-dst 192.168.1.32 --orig-port-dst 53 || true'])
    expect(commandsOf({ protocol: 99, originalSource: '10.0.0.1', replySource: '10.0.0.2' })).toEqual([
      'conntrack -D -p 99 --orig-src 10.0.0.1 --reply-src 10.0.0.2 || true',
    ])
    expect(commandsOf({ originalSource: '10.0.0.1', replyDestination: '192.0.2.1' })).toEqual([
      'conntrack -D --orig-src 10.0.0.1 --reply-dst 192.0.2.1 || true',
    ])
  })

  test('names the family where no address of IPv4 does, and is there for each family it may be', () => {
    expect(commandsOf({ originalDestination: 'fd00::1' })).toEqual([
      'conntrack -D -f ipv6 --orig-dst fd00::1 || true',
    ])
    expect(commandsOf({ protocol: 6 })).toEqual([
      'conntrack -D -f ipv4 -p tcp || true',
      'conntrack -D -f ipv6 -p tcp || true',
    ])
  })

  test('runs where the flows are', () => {
    expect(commandsOf({ family: 4, protocol: 6 }, '/run/netns/web')).toEqual([
      'ip netns exec web conntrack -D -f ipv4 -p tcp || true',
    ])
    const [piped] = commandsOf({ family: 6, originalNotTranslated: true }, '/run/netns/web')
    expect(piped).toStartWith('ip netns exec web conntrack -L -o save -f ipv6 | grep -E ')
    expect(piped).toEndWith('; do ip netns exec web conntrack -D -f ipv6 $flow; done || true')
  })

  test('goes through a list where there is no option', () => {
    expect(
      commandsOf({ protocol: 17, originalDestination: '192.168.1.32', notReplySource: '192.168.45.3' }),
    ).toEqual([
      'conntrack -L -o save -p udp --orig-dst 192.168.1.32 | ' +
        "grep -Ev -e '-[rg] 192\\.168\\.45\\.3 ' | while read -r _ _ _ _ _ flow; do conntrack -D $flow; done || true",
    ])
    const [ports] = commandsOf({
      family: 4,
      protocol: 6,
      originalDestinationPort: { first: 9000, last: 9010 },
    })
    expect(ports).toContain('$i == "--dport" && $(i + 1) >= 9000 && $(i + 1) <= 9010')
    // Without a protocol the program takes no port.
    expect(commandsOf({ family: 4, replySourcePort: one(80) })[0]).toContain('$i == "--reply-port-src"')
  })
})
