/** What a space may reach beyond the host: other spaces, and outside. Whatever it sends, only what its policy names arrives. */
import { afterAll, beforeAll, describe, expect } from 'bun:test'
import { bytesOf, echo, fragments, icmp, ipPacket, tcp, tcpFlag, udp } from '../support/attack/frame.ts'
import { arrival, certainArrival, heard } from '../support/attack/probe.ts'
import { withoutRules, withRules } from '../support/attack/rules.ts'
import { addresses, connects, families, machine, must, type Space, Stage } from '../support/attack/stage.ts'
import { patience, type Wire } from '../support/attack/wire.ts'
import { requireSandbox } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'

requireSandbox()
const test = requireTool('ip', 'nft', 'nsenter', 'sysctl')
const host = machine('host')

const names = ['server', 'client', 'limited', 'pinned'] as const
type Name = (typeof names)[number]

let stage: Stage
let spaces: Record<Name, Space>
let cables: Record<Name, Wire>
let host2: Wire
let attacker: Wire
let far: Wire
/** The MAC of the host on the LAN. */
let mac: string

beforeAll(() => {
  stage = new Stage()
  spaces = {
    server: stage.up('server', '-p 5353:53/udp'),
    client: stage.up('client', '--connect server'),
    limited: stage.up(
      'limited',
      '--egress 192.168.1.15:7000/udp --egress [2001:db8:1::15]:7000/udp --egress 192.168.2.2/icmp -p 8080:80/udp',
    ),
    pinned: stage.up('pinned', '--uplink eth0'),
  }
  cables = {
    server: stage.wire('server'),
    client: stage.wire('client'),
    limited: stage.wire('limited'),
    pinned: stage.wire('pinned'),
  }
  host2 = stage.wire(machine('host2'))
  attacker = stage.wire(machine('attacker'))
  far = stage.wire(machine('far'))
  mac = stage.wire(host, 'eth0').address
})
afterAll(() => stage[Symbol.dispose]())

const rejected = (): number =>
  Number(/"veth-limited" counter packets (\d+)/.exec(must(host, 'nft list set inet natspace rejected'))?.[1])

describe.each(families)('IPv%d', family => {
  const of = addresses[family]
  const flow = (from: Name, destination: string, port: number) => ({
    source: spaces[from].address[family],
    destination,
    port,
  })
  const out = (from: Name, ...packets: Uint8Array[]) => cables[from].send(spaces[from].hostMac, ...packets)
  const sends =
    (from: Name, destination: string, port = 7000) =>
    (text: string, sourcePort: number) =>
      out(from, udp({ ...flow(from, destination, port), sourcePort }, text))

  test('a space does not reach another, nor what another was allowed to reach', () => {
    for (const from of names)
      for (const to of names)
        if (from !== to && !(from === 'client' && to === 'server'))
          expect([from, to, arrival(sends(from, spaces[to].address[family]), cables[to], 10)]).toEqual([
            from,
            to,
            undefined,
          ])
    withoutRules({ to_space: /refuse/ }, () =>
      certainArrival(sends('server', spaces.client.address[family]), cables.client),
    )
  })

  test('--connect opens one way, and the answers come back', () => {
    const target = spaces.server.address[family]
    const port = 8000 + family
    const server = stage.tcp('server', target, port)
    expect(connects('client', target, port, server)).toBe(true)
    const other = stage.tcp('client', spaces.client.address[family], port)
    expect(connects('server', spaces.client.address[family], port, other)).toBe(false)
    // Nor on the back of what the client began: the other ports stay shut.
    certainArrival(sends('client', target, 9000), cables.server)
    const aside = udp({ ...flow('server', spaces.client.address[family], 9001), sourcePort: 9000 }, 'aside')
    expect(arrival(() => out('server', aside), cables.client)).toBeUndefined()
  })

  test('a published port of another space is open to all, as it is to the LAN', () => {
    expect(certainArrival(sends('client', of.host, 5353), cables.server).port).toBe(53)
    expect(arrival(sends('limited', of.host, 5353), cables.server)).toBeUndefined()
  })

  /** What an egress list of one UDP port must hold back, and where it would be seen. */
  const forbidden = (): [string, Wire, (text: string, sourcePort: number) => Uint8Array][] => {
    const to = (destination: string, port: number, sourcePort: number) => ({
      ...flow('limited', destination, port),
      sourcePort,
    })
    const addressed = (destination: string) => ({ source: spaces.limited.address[family], destination })
    return [
      ['another port', host2, (text, from) => udp(to(of.host2, 7001, from), text)],
      ['another machine', attacker, (text, from) => udp(to(of.attacker, 7000, from), text)],
      ['another network', far, (text, from) => udp(to(of.far, 7000, from), text)],
      ['TCP to the same port', host2, (text, from) => tcp(to(of.host2, 7000, from), tcpFlag.syn, text)],
      ['an ACK out of the blue', host2, (text, from) => tcp(to(of.host2, 7000, from), tcpFlag.ack, text)],
      ['an echo request', host2, text => echo(addressed(of.host2), text)],
      [
        'a protocol without ports',
        host2,
        text => ipPacket({ ...addressed(of.host2), protocol: 200 }, new TextEncoder().encode(text)),
      ],
    ]
  }

  test('egress: all that the list does not name is refused and counted', () => {
    const before = rejected()
    for (const [what, wire, make] of forbidden())
      expect([what, arrival((text, from) => out('limited', make(text, from)), wire)]).toEqual([
        what,
        undefined,
      ])
    expect(rejected() - before).toBe(forbidden().length)
    const allowed = certainArrival(sends('limited', of.host2), host2)
    expect(allowed).toMatchObject({ source: of.host, port: 7000 })
    expect(rejected() - before).toBe(forbidden().length)
    withoutRules({ leaving: /@rejected|^\s*drop/ }, () => {
      for (const [, wire, make] of forbidden())
        certainArrival((text, from) => out('limited', make(text, from)), wire)
    })
  })

  test('egress: what connection tracking cannot place does not pass for an answer', () => {
    const addressed = { source: spaces.limited.address[family], destination: of.host2 }
    const strays: ((text: string, sourcePort: number) => Uint8Array)[] = [
      (text, sourcePort) => tcp({ ...flow('limited', of.host2, 7000), sourcePort }, tcpFlag.rst, text),
      (text, sourcePort) =>
        tcp({ ...flow('limited', of.host2, 7000), sourcePort }, tcpFlag.syn | tcpFlag.ack, text),
      text => echo(addressed, text, family === 4 ? 0 : 129),
    ]
    for (const make of strays)
      expect(arrival((text, from) => out('limited', make(text, from)), host2)).toBeUndefined()
  })

  test('egress: an error about a connection from outside goes to its client alone', () => {
    const { address } = spaces.limited
    const asks = (text: string, sourcePort: number) =>
      host2.send(mac, udp({ source: of.host2, destination: of.host, sourcePort, port: 8080 }, text))
    const { sourcePort } = certainArrival(asks, cables.limited)
    const quoted = udp({ source: of.host2, destination: address[family], sourcePort, port: 80 }, '')
    const [type, code] = family === 4 ? [3, 3] : [1, 4]
    const error = (destination: string) => (text: string) => {
      const body = bytesOf([0, 0, 0, 0, ...quoted, ...new TextEncoder().encode(text)])
      out('limited', icmp({ source: address[family], destination }, type, code, body))
    }
    expect(arrival(error(of.attacker), attacker)).toBeUndefined()
    expect(certainArrival(error(of.host2), host2).source).toBe(of.host)
  })

  test('egress: fragments, the first and later ones, go where the whole may go', () => {
    const open = stage.udp(machine('host2'), of.host2, 7000)
    const shut = stage.udp(machine('host2'), of.host2, 7001)
    const cut = (port: number, text: string, from: number) => {
      const whole = udp({ ...flow('limited', of.host2, port), sourcePort: from }, `0123456789abcdef${text}`)
      return fragments(whole, 16, from)
    }
    const sendsCut = (port: number) => (text: string, from: number) =>
      out('limited', ...cut(port, text, from))
    const later = (text: string, from: number) => out('limited', cut(7001, text, from)[1])
    const overwritten = (text: string, from: number) =>
      out('limited', cut(7000, text, from)[0], ...cut(7001, text, from))
    for (const send of [sendsCut(7001), later, overwritten]) expect(heard(send, shut)).toBeUndefined()
    expect(heard(later, open)).toBeUndefined()
    expect(heard(sendsCut(7000), open, patience.comes)).toBe(of.host)
    withoutRules({ leaving: /@rejected|^\s*drop/ }, () =>
      expect(heard(sendsCut(7001), shut, patience.comes)).toBe(of.host),
    )
  })

  test('what somebody’s rule keeps from connection tracking neither leaves a space nor enters one', () => {
    const untracked = `table inet other {
      chain pre {
        type filter hook prerouting priority -320
        notrack
      }
    }`
    const direct = (text: string, sourcePort: number) => {
      const destination = spaces.server.address[family]
      attacker.send(mac, udp({ source: of.attacker, destination, sourcePort, port: 53 }, text))
    }
    withRules(untracked, () => {
      for (const from of ['server', 'limited'] as const)
        expect(arrival(sends(from, of.host2), host2)).toBeUndefined()
      expect(arrival(sends('client', spaces.server.address[family]), cables.server)).toBeUndefined()
      expect(arrival(direct, cables.server)).toBeUndefined()
      withoutRules({ outward: /untracked/ }, () =>
        expect(certainArrival(sends('server', of.host2), host2).source).toBe(spaces.server.address[family]),
      )
    })
  })

  test('--uplink: a space leaves by its uplink alone', () => {
    certainArrival(sends('pinned', of.host2), host2)
    expect(arrival(sends('pinned', of.far), far)).toBeUndefined()
    certainArrival(sends('server', of.far), far)
    withoutRules({ leaving: /@pinned/ }, () => certainArrival(sends('pinned', of.far), far))
  })
})
