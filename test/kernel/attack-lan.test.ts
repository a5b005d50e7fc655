/** A neighbour on the LAN that forges what it likes, against the ports of a host with spaces: nothing unpublished opens. */
import { afterAll, beforeAll, describe, expect } from 'bun:test'
import type { Socket } from '../../src/linux/sys/socket.ts'
import { echo, tcp, tcpFlag, udp } from '../support/attack/frame.ts'
import { arrival, certainArrival, heard } from '../support/attack/probe.ts'
import { withoutRules, withRules } from '../support/attack/rules.ts'
import { addresses, connects, families, machine, must, type Space, Stage } from '../support/attack/stage.ts'
import { patience, Wire } from '../support/attack/wire.ts'
import { requireSandbox } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'

requireSandbox()
const test = requireTool('ip', 'nft', 'nsenter', 'sysctl')

let stage: Stage
let web: Space
let other: Space
let attacker: Wire
let cable: Wire
let server: Socket
/** The MAC of the host on the LAN. */
let host: string

beforeAll(() => {
  stage = new Stage()
  web = stage.up(
    'web',
    [
      '-p 8080:80 -p 5353:53/udp -p 127.0.0.1:8081:80 -p 127.0.0.1:5354:53/udp -p [::1]:8081:80',
      '-p [::1]:5354:53/udp -p 192.168.1.32:8082:80 -p [2001:db8:1::32]:8082:80',
      '-p 0.0.0.0:8083:80 -p [::]:8084:80',
    ].join(' '),
  )
  other = stage.up('other')
  attacker = stage.wire(machine('attacker'))
  cable = stage.wire('web')
  host = stage.wire(machine('host'), 'eth0').address
  server = stage.tcp('web', '::', 80)
})
afterAll(() => stage[Symbol.dispose]())

const attackHost = machine('attacker')

describe.each(families)('IPv%d', family => {
  const of = addresses[family]

  /** The probe as the three transports, from an address of the attacker's choice. */
  const packets = (source: string, destination: string, port: number) => ({
    udp: (text: string, sourcePort: number) =>
      attacker.send(host, udp({ source, destination, sourcePort, port }, text)),
    tcp: (text: string, sourcePort: number) =>
      attacker.send(host, tcp({ source, destination, sourcePort, port }, tcpFlag.syn, text)),
    icmp: (text: string) => attacker.send(host, echo({ source, destination }, text)),
  })

  test('C7: an unpublished port is unreachable by the address of the host', () => {
    const seen = stage.tcp('web', '::', family === 4 ? 7004 : 7006)
    expect(connects(attackHost, of.host, family === 4 ? 7004 : 7006, seen)).toBe(false)
    expect(connects(attackHost, of.host, 8080, server)).toBe(true)
  })

  test('S3: the inside address is unreachable by a route to it', () => {
    const direct = packets(of.attacker, web.address[family], 80)
    for (const send of Object.values(direct)) expect(arrival(send, cable)).toBeUndefined()
    const gone = { guard: /inside/, to_space: /refuse/ }
    for (const send of Object.values(direct))
      withoutRules(gone, () => expect(certainArrival(send, cable).source).toBe(of.attacker))
  })

  test('S3: so is the host end of the cable, where a program of the host may trust its only neighbour', () => {
    const shown = must(machine('host'), `ip -${family} -br address show ${web.device} scope global`)
    const gateway = shown.split(/\s+/)[2]?.split('/')[0] ?? ''
    const waiting = stage.udp(machine('host'), gateway, 6070 + family)
    const direct = packets(of.attacker, gateway, 6070 + family).udp
    expect(heard(direct, waiting)).toBeUndefined()
    withoutRules({ guard: /inside/ }, () => expect(heard(direct, waiting)).toBe(of.attacker))
  })

  test('S3: so it is for whatever else is led to the cable', () => {
    const other = family === 4 ? '10.250.0.9' : 'fd99::9'
    must(machine('host'), `ip route add ${other} dev ${web.device}`)
    must(machine('host'), `ip neighbour add ${other} lladdr ${cable.address} dev ${web.device}`)
    const direct = packets(of.attacker, other, 80).udp
    expect(arrival(direct, cable)).toBeUndefined()
    withoutRules({ to_space: /refuse/ }, () => certainArrival(direct, cable))
    must(machine('host'), `ip route delete ${other} dev ${web.device}`)
  })

  test('C7: a forged inside source does not open the way back to an unpublished port', () => {
    // On a host that is a router anyway the packet would leave with the host's address, and its answer come in.
    must(machine('host'), `nft flush set inet natspace preexisting${family}`)
    const send = packets(web.address[family], of.attacker, 7777).udp
    expect(arrival(send, attacker)).toBeUndefined()
    const port = 30_000 + family
    const waiting = stage.udp('web', web.address[family], port)
    withoutRules({ guard: /saddr @inside/ }, () => {
      const forged = { source: web.address[family], destination: of.attacker, sourcePort: port, port: 7777 }
      attacker.send(host, udp(forged, 'opens'))
      const out = attacker.next(seen => seen.text.includes('opens'), patience.comes)
      const back = { source: of.attacker, destination: of.host, sourcePort: 7777, port: out?.sourcePort ?? 0 }
      expect(heard(text => attacker.send(host, udp(back, text)), waiting, patience.comes)).toBe(of.attacker)
    })
  })

  test('S2: what is published on the loopback is unreachable, also by frames to the loopback address', () => {
    for (const destination of [of.loopback, of.host, web.gateway[family]])
      for (const [name, port] of [
        ['udp', 5354],
        ['tcp', 8081],
      ] as const)
        expect(arrival(packets(of.attacker, destination, port)[name], cable)).toBeUndefined()
    // The same probes to what is published on every address.
    for (const [name, port] of [
      ['udp', 5353],
      ['tcp', 8080],
    ] as const)
      certainArrival(packets(of.attacker, of.host, port)[name], cable)
  })

  test('S2: one datagram whose answer nobody waits for is dropped as well', () => {
    const sources = [of.attacker, of.host, of.loopback, web.address[family], web.gateway[family]]
    for (const source of sources)
      expect(arrival(packets(source, of.loopback, 5354).udp, cable)).toBeUndefined()
  })

  test('C8: what is published on the loopback is reachable from this host', () => {
    expect(connects(machine('host'), of.loopback, 8081, server)).toBe(true)
    expect(connects(machine('host'), of.host, 8081, server)).toBe(false)
    expect(connects(attackHost, of.host, 8081, server)).toBe(false)
    for (const address of [of.host, other.gateway[family], web.gateway[family]])
      expect(connects('other', address, 8081, server)).toBe(false)
    expect(connects('other', of.host, 8080, server)).toBe(true)
  })

  test('what is published on one address is unreachable by another', () => {
    expect(connects(attackHost, of.host, 8082, server)).toBe(true)
    expect(connects(machine('far'), of.uplink2, 8082, server)).toBe(false)
    expect(connects(machine('far'), of.uplink2, 8080, server)).toBe(true)
  })

  test('what is published by one family is unreachable by the other', () => {
    const [own, foreign] = family === 4 ? [8083, 8084] : [8084, 8083]
    for (const [from, address] of [
      [attackHost, of.host],
      [machine('far'), of.uplink2],
      [machine('host'), of.host],
      [machine('host'), of.loopback],
      ['other', of.host],
      ['web', of.host],
    ] as const) {
      expect([from, address, connects(from, address, own, server)]).toEqual([from, address, true])
      expect([from, address, connects(from, address, foreign, server)]).toEqual([from, address, false])
    }
  })

  test('S10: the space sees the address of its client', () => {
    const published = packets(of.attacker, of.host, 5353).udp
    expect(certainArrival(published, cable)).toMatchObject({ source: of.attacker, port: 53 })
  })

  test('S5: what is addressed to another machine is not led into a space', () => {
    const passing = packets(of.attacker, of.host2, 5353).udp
    expect(arrival(passing, cable)).toBeUndefined()
    withoutRules({ prerouting: /fib daddr/ }, () => {
      must(machine('host'), 'nft add rule inet natspace prerouting goto publish')
      certainArrival(passing, cable)
    })
  })

  test('S6: an administrator’s translation of the same port wins', () => {
    const own = stage.tcp(machine('host'), of.host, 9000)
    const rules = `table inet admin {
      chain pre {
        type nat hook prerouting priority dstnat
        tcp dport 8080 redirect to :9000
      }
    }`
    withRules(rules, () => expect(connects(attackHost, of.host, 8080, own)).toBe(true))
    expect(connects(attackHost, of.host, 8080, server)).toBe(true)
  })
})

test('S1: nor by IPv6, which the kernel sees to', () => {
  const service = stage.udp(machine('host'), '::1', 7001)
  const send =
    (source: string, destination: string, from: Wire, mac: string) => (text: string, sourcePort: number) =>
      from.send(mac, udp({ source, destination, sourcePort, port: 7001 }, text))
  for (const source of [addresses[6].attacker, '::1', web.address[6]]) {
    expect(heard(send(source, '::1', attacker, host), service)).toBeUndefined()
    expect(heard(send(source, '::1', cable, web.hostMac), service)).toBeUndefined()
  }
  // It is there: a frame of the loopback itself is heard.
  using loopback = new Wire(machine('host'), 'lo')
  expect(heard(send('::1', '::1', loopback, '00:00:00:00:00:00'), service, patience.comes)).toBe('::1')
})

test('S1: a neighbour does not reach the loopback of the host', () => {
  const service = stage.udp(machine('host'), '127.0.0.1', 7001)
  const flow = { source: '192.168.1.66', destination: '127.0.0.1', port: 7001 }
  const send = (text: string, sourcePort: number) => attacker.send(host, udp({ ...flow, sourcePort }, text))
  expect(must(machine('host'), 'sysctl -n net.ipv4.conf.all.route_localnet')).toBe('0\n')
  expect(must(machine('host'), 'sysctl -n net.ipv4.conf.eth0.route_localnet')).toBe('0\n')
  // Even where somebody else has opened the kernel's own door.
  must(machine('host'), 'sysctl -qw net.ipv4.conf.all.route_localnet=1')
  expect(heard(send, service)).toBeUndefined()
  withoutRules({ guard: /127\.0\.0\.0/ }, () =>
    expect(heard(send, service, patience.comes)).toBe('192.168.1.66'),
  )
  must(machine('host'), 'sysctl -qw net.ipv4.conf.all.route_localnet=0')
})
