/** Root inside a space, who forges what it likes on its end of the cable: it is nobody else, and changes nothing outside. */
import { afterAll, beforeAll, describe, expect } from 'bun:test'
import { bytesOf, echo, icmp, udp } from '../support/attack/frame.ts'
import { certainArrival, heard } from '../support/attack/probe.ts'
import { withoutRules, withRules } from '../support/attack/rules.ts'
import {
  addresses,
  type Family,
  families,
  machine,
  must,
  type Space,
  Stage,
} from '../support/attack/stage.ts'
import { patience, type Wire } from '../support/attack/wire.ts'
import { requireSandbox } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'

requireSandbox()
const test = requireTool('ip', 'nft', 'nsenter', 'ping', 'sysctl')
const host = machine('host')

let stage: Stage
let evil: Space
let other: Space
let cable: Wire
let host2: Wire
/** Its link-local address, and that of the host end of the cable. */
const linkLocal = 'fe80::bad'

beforeAll(() => {
  stage = new Stage()
  evil = stage.up('evil', '-p 8080:80 -p 5353:5353/udp')
  other = stage.up('other')
  cable = stage.wire('evil')
  host2 = stage.wire(machine('host2'))
})
afterAll(() => stage[Symbol.dispose]())

/** Everybody it could claim to be. */
const foreign = (family: Family): string[] => {
  const { host: lan, host2: neighbour, attacker, far, uplink2, loopback } = addresses[family]
  const rest = family === 4 ? ['0.0.0.0', '169.254.1.1', '255.255.255.255'] : ['::', linkLocal, 'fd00::1']
  const own = [evil.gateway[family], other.address[family], other.gateway[family]]
  return [lan, neighbour, attacker, far, uplink2, loopback, ...own, ...rest]
}

describe.each(families)('IPv%d', family => {
  const of = addresses[family]
  const sends = (source: string, destination: string, port: number) => (text: string, sourcePort: number) =>
    cable.send(evil.hostMac, udp({ source, destination, sourcePort, port }, text))

  test('S23: what bears another source goes nowhere', () => {
    const service = stage.udp(host, of.host, 53)
    const neighbour = stage.wire('other')
    for (const source of foreign(family))
      for (const [index, [destination, port]] of [
        [of.host2, 7000] as const,
        [other.address[family], 7000] as const,
        [of.host, 53] as const,
      ].entries())
        sends(source, destination, port)(`forged as ${source}`, 30_000 + index)
    for (const wire of [host2, neighbour])
      expect(wire.all(({ text }) => text.includes('forged'), patience.stays)).toEqual([])
    expect(service.receive(0)).toBeUndefined()
    expect(heard(sends(evil.address[family], of.host, 53), service, patience.comes)).toBe(
      evil.address[family],
    )
    expect(certainArrival(sends(evil.address[family], of.host2, 7000), host2).source).toBe(of.host)
    // Without natspace's rule, and the kernel's own check of IPv4, it gets out.
    must(host, `sysctl -qw net.ipv4.conf.${evil.device}.rp_filter=0`)
    withoutRules({ from_space: /^\s*drop/ }, () =>
      expect(certainArrival(sends(of.attacker, of.host2, 7000), host2).source).toBe(of.attacker),
    )
    must(host, `sysctl -qw net.ipv4.conf.${evil.device}.rp_filter=1`)
  })

  test('S24: its redirects do not reach the host', () => {
    const source = family === 4 ? evil.address[4] : linkLocal
    const destination = family === 4 ? of.host : evil.gateway[6]
    const body =
      family === 4
        ? bytesOf(evil.address[4], [
            ...udp({ source: of.host, destination: of.host2, sourcePort: 1, port: 2 }, ''),
          ])
        : bytesOf([0, 0, 0, 0], evil.address[6], of.host2)
    const redirect = icmp(
      { source, destination, hops: 255 },
      family === 4 ? 5 : 137,
      family === 4 ? 1 : 0,
      body,
    )
    const seen = `table inet seen {
      counter redirects { }
      chain in {
        type filter hook input priority 10
        icmp type redirect counter name redirects
        icmpv6 type nd-redirect counter name redirects
      }
    }`
    const count = () => {
      cable.send(evil.hostMac, redirect)
      return /packets (\d+)/.exec(must(host, 'nft list counter inet seen redirects'))?.[1]
    }
    withRules(seen, () => {
      expect(count()).toBe('0')
      const rules =
        family === 4 ? { to_host: /redirect|refuse/ } : { from_space: /^\s*drop/, to_host: /refuse/ }
      withoutRules(rules, () => expect(count()).toBe('1'))
    })
    for (const ip of ['ipv4', 'ipv6'])
      expect(must(host, `sysctl -n net.${ip}.conf.${evil.device}.accept_redirects`)).toBe('0\n')
  })

  test('S24: the host sends it none, though its packets go back by the cable they came from', () => {
    const [beyond, length] = family === 4 ? ['10.250.0.9', 32] : ['fd99::9', 128]
    // A space that publishes nothing: the kernel sends no redirect about what is translated.
    const own = stage.wire('other')
    must(host, `ip route add ${beyond}/${length} dev ${other.device}`)
    must(host, `ip neighbour add ${beyond} lladdr ${own.address} dev ${other.device}`)
    const [protocol, type] = family === 4 ? [1, 5] : [58, 137]
    const flow = { source: other.address[family], destination: beyond, sourcePort: 20_000, port: 7000 }
    const redirected = () => {
      own.send(other.hostMac, udp(flow, 'around'))
      return own.next(seen => seen.protocol === protocol && seen.type === type, patience.stays)
    }
    // Nor about one that is not let through: let it.
    withoutRules({ to_space: /refuse/ }, () => {
      expect([redirected(), redirected(), redirected()]).toEqual([undefined, undefined, undefined])
      // The kernel sends few in a second.
      const end = performance.now() + patience.comes
      withoutRules({ redirects: /redirect/ }, () => {
        while (redirected() === undefined) expect(performance.now()).toBeLessThan(end)
      })
    })
    must(host, `ip route delete ${beyond}/${length} dev ${other.device}`)
  })

  test('C9: the loopback of the host is out of reach', () => {
    const service = stage.udp(host, of.loopback, 7001)
    const send = sends(evil.address[family], of.loopback, 7001)
    expect(heard(send, service)).toBeUndefined()
    // The kernel takes no ::1 off a wire; 127.0.0.1 it would, on the cable of a space that publishes.
    withoutRules({ guard: /127\.0\.0\.0/, to_host: /refuse/ }, () =>
      expect(heard(send, service, family === 4 ? patience.comes : patience.stays) !== undefined).toBe(
        family === 4,
      ),
    )
  })
})

/** A router advertisement (RFC 4861 section 4.2) with a prefix to make an address of. */
const advertisement = (): Uint8Array =>
  icmp(
    { source: linkLocal, destination: 'ff02::1', hops: 255 },
    134,
    0,
    bytesOf(
      [64, 0, 7, 8, ...Array(8).fill(0)],
      [3, 4, 64, 0xc0, 0, 0, 14, 16, 0, 0, 14, 16, 0, 0, 0, 0],
      '2001:db8:bad::',
    ),
  )

test('S7: a router advertisement from inside changes neither routes nor addresses of the host', () => {
  const state = () => `${must(host, 'ip -6 route show')}${must(host, 'ip -6 address show')}`
  const before = state()
  const send = () => cable.send('33:33:00:00:00:01', advertisement())
  send()
  expect(state()).toBe(before)
  for (const leaf of ['accept_ra', 'autoconf'])
    expect(must(host, `sysctl -n net.ipv6.conf.${evil.device}.${leaf}`)).toBe('0\n')
  withoutRules({ from_space: /^\s*drop/, to_host: /refuse/ }, () => {
    // The settings of the cable hold by themselves.
    send()
    expect(state()).toBe(before)
    must(host, `sysctl -qw net.ipv6.conf.${evil.device}.accept_ra=2`)
    send()
    expect(state()).toContain(`via ${linkLocal} dev ${evil.device} proto ra`)
  })
  must(host, `sysctl -qw net.ipv6.conf.${evil.device}.accept_ra=0`)
})

test('S23: a neighbour advertisement from inside takes nobody’s address on the LAN', () => {
  const target = addresses[6].host2
  must(host, `ping -c 1 -W 1 ${target}`)
  const entry = () => must(host, `ip neighbour show ${target} dev eth0`)
  expect(entry()).toContain(host2.address)
  const forged = (destination: string, source: string) =>
    icmp(
      { source, destination, hops: 255 },
      136,
      0,
      bytesOf([0x20, 0, 0, 0], target, [2, 1, 2, 0, 0, 0, 0, 0xbd]),
    )
  for (const source of [linkLocal, evil.address[6], target]) {
    cable.send(evil.hostMac, forged(evil.gateway[6], source))
    cable.send('33:33:00:00:00:01', forged('ff02::1', source))
  }
  expect(entry()).toContain(host2.address)
  // The same from a machine of the LAN does.
  const attacker = stage.wire(machine('attacker'))
  attacker.send(stage.wire(host, 'eth0').address, forged(addresses[6].host, addresses[6].attacker))
  expect(entry()).toContain('02:00:00:00:00:bd')
  must(host, 'ip neighbour flush dev eth0')
})

test('S23: a packet between neighbours of the cable is not carried further', () => {
  const destination = addresses[6].host2
  const solicitation = icmp(
    { source: linkLocal, destination, hops: 255 },
    135,
    0,
    bytesOf([0, 0, 0, 0], destination),
  )
  cable.send(evil.hostMac, solicitation)
  expect(host2.next(({ source }) => source === linkLocal, patience.stays)).toBeUndefined()
})

test('S8: a space without IPv6 has none on either end, and gets none by turning it on inside', () => {
  const plain = stage.up('plain', '--ipv6 off')
  for (const namespace of [host, 'plain']) {
    const device = namespace === host ? plain.device : 'eth0'
    expect(must(namespace, `ip -6 address show dev ${device}`)).toBe('')
  }
  must('plain', 'sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0')
  must('plain', 'ip address add fd11::2/64 dev eth0 nodad')
  using wire = stage.wire('plain')
  const asks = (source: string, mac: string, from: Wire, destination: string) => {
    from.send(mac, echo({ source, destination }, 'anybody there?'))
    return from.next(({ protocol, type }) => protocol === 58 && type === 129, patience.stays)
  }
  for (const destination of ['ff02::1', addresses[6].host])
    expect(asks('fd11::2', plain.hostMac, wire, destination)).toBeUndefined()
  expect(asks(evil.address[6], evil.hostMac, cable, addresses[6].host)).toBeDefined()
})
