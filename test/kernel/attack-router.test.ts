/** A host that natspace made forward must not become a router for its neighbours; one that was a router must stay one. */

import { afterAll, beforeAll, describe, expect, test as plainTest } from 'bun:test'
import { existsSync } from 'node:fs'
import { echo, tcp, tcpFlag, udp } from '../support/attack/frame.ts'
import { arrival, certainArrival } from '../support/attack/probe.ts'
import { withoutRules, withRules } from '../support/attack/rules.ts'
import { addresses, type Family, families, inside, machine, must, Stage } from '../support/attack/stage.ts'
import type { Wire } from '../support/attack/wire.ts'
import { requireSandbox, run } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'

requireSandbox()
const test = requireTool('ip', 'nft', 'nsenter', 'ping', 'sysctl')
const host = machine('host')

const hostMac = (stage: Stage): string => stage.wire(host, 'eth0').address

/** Whether a ping gets through and back. */
const pings = (from: string, to: string): boolean => inside(from, `ping -c 1 -W 0.3 ${to}`).status === 0

/** Every kind of packet that may be carried further: those that begin something, and those that connection tracking cannot place. */
const kinds = (family: Family): Record<string, (text: string, sourcePort: number) => Uint8Array> => {
  const { attacker: source, far: destination } = addresses[family]
  const flow = (sourcePort: number) => ({ source, destination, sourcePort, port: 7000 })
  return {
    'a datagram': (text, sourcePort) => udp(flow(sourcePort), text),
    'a SYN': (text, sourcePort) => tcp(flow(sourcePort), tcpFlag.syn, text),
    'an ACK out of the blue': (text, sourcePort) => tcp(flow(sourcePort), tcpFlag.ack, text),
    'a SYN-ACK that answers nothing': (text, sourcePort) =>
      tcp(flow(sourcePort), tcpFlag.syn | tcpFlag.ack, text),
    'a reset': (text, sourcePort) => tcp(flow(sourcePort), tcpFlag.rst, text),
    'an echo request': text => echo({ source, destination }, text),
    'an echo reply to nothing': text => echo({ source, destination }, text, family === 4 ? 0 : 129),
  }
}

describe('S21: a host that was no router', () => {
  let stage: Stage
  let attacker: Wire
  let far: Wire
  let mac: string

  beforeAll(() => {
    stage = new Stage()
    stage.up('web', '-p 8080:80')
    attacker = stage.wire(machine('attacker'))
    far = stage.wire(machine('far'))
    mac = hostMac(stage)
  })
  afterAll(() => stage[Symbol.dispose]())

  describe.each(families)('IPv%d', family => {
    test('carries nothing from one of its links to another', () => {
      const sent = Object.entries(kinds(family))
      const send = (make: (text: string, port: number) => Uint8Array) => (text: string, port: number) =>
        attacker.send(mac, make(text, port))
      const passed = sent.filter(([, make]) => arrival(send(make), far) !== undefined).map(([name]) => name)
      expect(passed).toEqual([])
      withoutRules({ forward: /preexisting/ }, () => {
        for (const [, make] of sent) certainArrival(send(make), far)
      })
    })

    test('nor what somebody’s rule keeps from connection tracking', () => {
      const make = kinds(family)['a datagram'] as (text: string, port: number) => Uint8Array
      const send = (text: string, port: number) => attacker.send(mac, make(text, port))
      const untrack = `table inet other {
        chain pre {
          type filter hook prerouting priority raw
          notrack
        }
      }`
      withRules(untrack, () => expect(arrival(send, far)).toBeUndefined())
    })

    test('nor the other way, though a ping between neighbours of one link goes on', () => {
      const of = addresses[family]
      expect(pings(machine('far'), of.attacker)).toBe(false)
      expect(pings(machine('attacker'), of.host2)).toBe(true)
      withoutRules({ forward: /preexisting/ }, () => expect(pings(machine('far'), of.attacker)).toBe(true))
    })
  })

  test('a link that comes later and is taken in by the next up is no way through either', () => {
    run('ip', [
      'link',
      'add',
      'eth2',
      'netns',
      host,
      'type',
      'veth',
      'peer',
      'name',
      'late',
      'netns',
      machine('far'),
    ])
    must(host, 'ip address add 2001:db8:3::1/64 dev eth2 nodad')
    must(host, 'ip link set eth2 up')
    must(machine('far'), 'ip link set late up')
    must(machine('far'), 'ip address add 2001:db8:3::2/64 dev late nodad')
    must(machine('far'), 'ip route replace 2001:db8:1::/64 via 2001:db8:3::1')
    stage.up('web', '-p 8080:80')
    must(machine('attacker'), `ip route add 2001:db8:3::/64 via ${addresses[6].host}`)
    expect(pings(machine('attacker'), '2001:db8:3::2')).toBe(false)
    withoutRules({ forward: /preexisting/ }, () =>
      expect(pings(machine('attacker'), '2001:db8:3::2')).toBe(true),
    )
  })
})

const routers: Record<string, string[]> = {
  'by the switch for all links': ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1'],
  'by the switches of its links': [
    ...['eth0', 'eth1'].map(link => `net.ipv4.conf.${link}.forwarding=1`),
    ...['eth0', 'eth1'].map(link => `net.ipv6.conf.${link}.force_forwarding=1`),
  ],
}

describe.each(Object.entries(routers))('C10: a host that was a router %s', (_, kernel) => {
  test('is one before, with and after a space', () => {
    using stage = new Stage()
    for (const setting of kernel) must(host, `sysctl -qw ${setting}`)
    const all = () => families.map(family => pings(machine('attacker'), addresses[family].far))
    expect(all()).toEqual([true, true])
    stage.up('web', '-p 8080:80')
    expect(all()).toEqual([true, true])
    stage.natspace('down web')
    expect(all()).toEqual([true, true])
  })
})

describe('C10: a bridge of the host whose frames the firewall sees', () => {
  const seesFrames = existsSync('/proc/sys/net/bridge/bridge-nf-call-iptables')
  const reason = 'needs the kernel module br_netfilter'
  const testBridge = seesFrames
    ? test
    : (name: string) => plainTest.skip(`${name} (skipped: ${reason})`, () => {})
  testBridge('hands them through as before', () => {
    using stage = new Stage()
    // eth1, the far machine, and a second one behind the same bridge.
    for (const key of ['iptables', 'ip6tables']) must(host, `sysctl -qw net.bridge.bridge-nf-call-${key}=1`)
    must(host, 'ip link add br1 type bridge')
    must(host, 'ip link set br1 up')
    must(host, 'ip link set eth1 master br1')
    run('ip', [
      'link',
      'add',
      'eth3',
      'netns',
      host,
      'type',
      'veth',
      'peer',
      'name',
      'eth9',
      'netns',
      machine('lan'),
    ])
    must(host, 'ip link set eth3 master br1 up')
    must(machine('lan'), 'ip link set eth9 up')
    must(machine('lan'), 'ip address add 192.168.2.9/24 dev eth9')
    must(machine('lan'), 'ip address add 2001:db8:2::9/64 dev eth9 nodad')
    const all = () => families.map(family => pings(machine('lan'), addresses[family].far))
    expect(all()).toEqual([true, true])
    stage.up('web', '-p 8080:80')
    expect(all()).toEqual([true, true])
    // The proof that the frames do meet the guard.
    must(host, 'nft flush set inet natspace bridges')
    expect(all()).toEqual([false, false])
  })
})
