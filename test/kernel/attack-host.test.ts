/** What of the host, and of the cloud it may live in, root inside a space reaches: what its policy says, on every address. */
import { afterAll, beforeAll, describe, expect } from 'bun:test'
import type { Socket } from '../../src/linux/sys/socket.ts'
import { udp } from '../support/attack/frame.ts'
import { arrival, certainArrival, heard } from '../support/attack/probe.ts'
import { withoutRules } from '../support/attack/rules.ts'
import {
  addresses,
  connects,
  type Family,
  families,
  inside,
  machine,
  must,
  type Space,
  Stage,
} from '../support/attack/stage.ts'
import { patience } from '../support/attack/wire.ts'
import { requireSandbox } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'

requireSandbox()
const test = requireTool('ip', 'nft', 'nsenter', 'ping', 'sysctl')
const host = machine('host')

let stage: Stage
let spaces: Record<'dns' | 'none' | 'all' | 'cloud' | 'shut', Space>
let service: Socket
let resolver: Socket
/** What listens at the metadata addresses: HTTP, and the resolver that some clouds have there. */
let cloud: Socket
let cloudResolver: Socket

/** Where other clouds have such a service, and the same by a translator of IPv6 to IPv4. */
const otherClouds = {
  4: ['169.254.170.2', '100.100.100.200', '192.0.0.192', '168.63.129.16'],
  6: [
    ...['fd00:ec2::23', 'fd20:ce::254', 'fd00:42::42', 'fd00:c1::a9fe:a9fe', 'fd00:100::100:200'],
    ...['fd00:a9fe:a9fe::1', '64:ff9b::a9fe:a9fe'],
  ],
}

beforeAll(() => {
  stage = new Stage()
  spaces = {
    dns: stage.up('dns'),
    none: stage.up('none', '--host none'),
    all: stage.up('all', '--host all'),
    cloud: stage.up('cloud', '--metadata'),
    shut: stage.up('shut', '--internal'),
  }
  service = stage.tcp(host, '::', 7002)
  resolver = stage.tcp(host, '::', 53)
  const host2 = machine('host2')
  for (const { metadata } of Object.values(addresses)) must(host2, `ip address add ${metadata} dev lo`)
  for (const address of Object.values(otherClouds).flat()) must(host2, `ip address add ${address} dev lo`)
  must(host2, 'ip route add 10.200.0.0/16 via 192.168.1.32')
  cloud = stage.tcp(host2, '::', 80)
  cloudResolver = stage.tcp(host2, '::', 53)
})
afterAll(() => stage[Symbol.dispose]())

const pings = (from: string, to: string): boolean => inside(from, `ping -c 1 -W 0.3 ${to}`).status === 0

/** Every address of the host that a space can send to. */
const hostAddresses = (family: Family, space: Space): string[] => [
  space.gateway[family],
  addresses[family].host,
  addresses[family].uplink2,
  spaces.cloud.gateway[family],
]

describe.each(families)('IPv%d', family => {
  const { metadata, host2 } = addresses[family]

  /** What a space reaches of the host: on all of its addresses the same, or the test fails. */
  const reached = (space: Space): string[] => {
    const found = hostAddresses(family, space).map(address =>
      [
        pings(space.name, address) ? 'ping' : '',
        connects(space.name, address, 53, resolver) ? 'DNS' : '',
        connects(space.name, address, 7002, service) ? 'services' : '',
      ].filter(name => name !== ''),
    )
    expect(found).toEqual(found.map(() => found[0] ?? []))
    return found[0] ?? []
  }

  test('S22: by default a space reaches of the host DNS and ping, on whichever address', () => {
    expect(reached(spaces.dns)).toEqual(['ping', 'DNS'])
    withoutRules({ to_host: /refuse/ }, () =>
      expect(reached(spaces.dns)).toEqual(['ping', 'DNS', 'services']),
    )
  })

  test('S22: with --host none nothing, with --host all everything', () => {
    expect(reached(spaces.none)).toEqual([])
    expect(reached(spaces.all)).toEqual(['ping', 'DNS', 'services'])
  })

  test('S22: the metadata service of a cloud is out of reach, but for its resolver', () => {
    expect(connects('dns', metadata, 80, cloud)).toBe(false)
    expect(connects('dns', metadata, 53, cloudResolver)).toBe(true)
    expect(connects('dns', host2, 80, cloud)).toBe(true)
    withoutRules({ to_metadata: /refuse/ }, () => expect(connects('dns', metadata, 80, cloud)).toBe(true))
  })

  test('S22: so are those of other clouds', () => {
    const reached = () => otherClouds[family].filter(address => connects('dns', address, 80, cloud))
    expect(reached()).toEqual([])
    withoutRules({ to_metadata: /refuse/ }, () => expect(reached()).toEqual(otherClouds[family]))
  })

  test('S22: --metadata opens it', () => {
    expect(connects('cloud', metadata, 80, cloud)).toBe(true)
  })

  test('S22: a metadata service on the host itself is no exception', () => {
    must(host, `ip address add ${metadata} dev lo`)
    expect(connects('dns', metadata, 7002, service)).toBe(false)
    must(host, `ip address delete ${metadata} dev lo`)
  })

  test('S9: an internal space has no way out, whatever routes it gives itself', () => {
    const { address, gateway, hostMac } = spaces.shut
    expect(must('shut', `ip -${family} route show default`)).toBe('')
    must('shut', `ip route add default via ${gateway[family]}`)
    using wire = stage.wire('shut')
    using outside = stage.wire(machine('host2'))
    const flow = (destination: string, port: number) => (text: string, sourcePort: number) =>
      wire.send(hostMac, udp({ source: address[family], destination, sourcePort, port }, text))
    for (const port of [53, 80, 7000]) {
      expect(arrival(flow(host2, port), outside)).toBeUndefined()
      expect(arrival(flow(metadata, port), outside)).toBeUndefined()
    }
    using neighbour = stage.wire('dns')
    expect(arrival(flow(spaces.dns.address[family], 7000), neighbour)).toBeUndefined()
    withoutRules({ leaving: /@internal/ }, () => certainArrival(flow(host2, 7000), outside))
  })

  test('S9: nor by the resolver of the host, which would carry its questions out', () => {
    const { address, gateway, hostMac } = spaces.shut
    using wire = stage.wire('shut')
    const asked = stage.udp(host, gateway[family], 53)
    const question = { source: address[family], destination: gateway[family], port: 53 }
    const send = (text: string, sourcePort: number) =>
      wire.send(hostMac, udp({ ...question, sourcePort }, text))
    expect(heard(send, asked)).toBeUndefined()
    expect(connects('shut', gateway[family], 53, resolver)).toBe(false)
    expect(pings('shut', gateway[family])).toBe(true)
    withoutRules({ to_host: /@internal/ }, () =>
      expect(heard(send, asked, patience.comes)).toBe(address[family]),
    )
  })
})
