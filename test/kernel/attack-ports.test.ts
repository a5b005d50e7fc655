/** The port shadow (CVE-2021-3773): a space that gets a port of the host as its source would get what is sent to that port. */
import { afterAll, beforeAll, describe, expect } from 'bun:test'
import { udp } from '../support/attack/frame.ts'
import { arrival, certainArrival } from '../support/attack/probe.ts'
import { withoutRules, withRules } from '../support/attack/rules.ts'
import { addresses, families, machine, must, type Space, Stage } from '../support/attack/stage.ts'
import { patience, type Wire } from '../support/attack/wire.ts'
import { requireSandbox } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'

requireSandbox()
const test = requireTool('ip', 'nft', 'nsenter', 'sysctl')
const host = machine('host')

let stage: Stage
let evil: Space
let sourced: Space
let server: Wire
let cable: Wire
let cableOfSourced: Wire
let host2: Wire
let hostMac: string

beforeAll(() => {
  stage = new Stage()
  stage.up('web', '-p 5353:53/udp -p 5454:54/udp -p 32768-60499:32768-60499/udp')
  evil = stage.up('evil')
  for (const { host: address } of Object.values(addresses)) stage.udp(host, address, 6060)
  // Programs of the host are looked at when a space is new.
  sourced = stage.up('sourced', '--source 192.168.1.32 --source 2001:db8:1::32')
  server = stage.wire('web')
  cable = stage.wire('evil')
  cableOfSourced = stage.wire('sourced')
  host2 = stage.wire(machine('host2'))
  hostMac = stage.wire(host, 'eth0').address
})
afterAll(() => stage[Symbol.dispose]())

/** Keeps the ports of its clients, as the rule of many a how-to does. */
const keepsPorts = `table inet admin {
  chain post {
    type nat hook postrouting priority srcnat
    oifname eth0 masquerade
  }
}`

const ephemeral = (port: number): boolean => port >= 32_768 && port <= 60_999

describe.each(families)('IPv%d', family => {
  const of = addresses[family]
  /** A datagram out of a space, from a port of its choice. */
  const leaves = (space: Space, from: Wire, sourcePort: number, port: number) => (text: string) =>
    from.send(
      space.hostMac,
      udp({ source: space.address[family], destination: of.host2, sourcePort, port }, text),
    )
  /** A client of the published port, on host2. */
  const asks = (sourcePort: number) => (text: string) =>
    host2.send(hostMac, udp({ source: of.host2, destination: of.host, sourcePort, port: 5353 }, text))

  /** The source ports with which some of many datagrams arrive, each of a connection of its own. */
  const chosen = (count: number): number[] => {
    for (let index = 0; index < count; index++) leaves(evil, cable, 20_000 + index, 9000)('chosen')
    return host2
      .all(seen => seen.port === 9000 && seen.text.includes('chosen'), patience.stays)
      .map(seen => seen.sourcePort)
  }

  test('S11: a space does not keep a source port that is published', () => {
    for (let port = 40_000; port < 40_010; port++) {
      // Nearly every other port is published, so it may have to try again.
      const seen = arrival(leaves(evil, cable, 5454, port), host2, 5)
      if (seen !== undefined) expect(ephemeral(seen.sourcePort)).toBe(true)
    }
    // Another one: the kernel goes on with a port that it chose for a source before.
    withRules(keepsPorts, () => {
      expect(arrival(leaves(evil, cable, 5353, 7000), host2)).toBeUndefined()
      withoutRules({ claimed_ports: /drop/ }, () =>
        expect(certainArrival(leaves(evil, cable, 5353, 7001), host2).sourcePort).toBe(5353),
      )
    })
  })

  test('S11: nor one on which a program of this host listens', () => {
    withRules(keepsPorts, () => {
      expect(arrival(leaves(evil, cable, 6060, 7200), host2)).toBeUndefined()
      withoutRules({ claimed_ports: /@listened/ }, () =>
        expect(certainArrival(leaves(evil, cable, 6060, 7201), host2).sourcePort).toBe(6060),
      )
    })
  })

  test('S11: what a client sends to a published port goes where it is published, whatever a space sent before', () => {
    const client = 7100
    withRules(keepsPorts, () => {
      expect(arrival(leaves(evil, cable, 5353, client), host2)).toBeUndefined()
      expect(certainArrival(asks(client), server)).toMatchObject({ port: 53 })
      withoutRules({ claimed_ports: /drop/ }, () => {
        certainArrival(leaves(evil, cable, 5353, client + 1), host2)
        expect(certainArrival(asks(client + 1), cable)).toMatchObject({ port: 5353 })
      })
    })
  })

  test('S11: nor is it given one by chance', () => {
    const ports = chosen(1000)
    expect(ports.length).toBeGreaterThan(0)
    expect(ports.every(port => port >= 60_500 && port <= 60_999)).toBe(true)
    withoutRules({ claimed_ports: /drop/ }, () =>
      expect(chosen(20).filter(port => port < 60_500).length).toBeGreaterThan(0),
    )
  })

  test('S11: a low source port stays no low one where the address was chosen by --source', () => {
    const wide = { claimed_ports: /drop/ }
    withoutRules(wide, () => {
      const seen = certainArrival(leaves(sourced, cableOfSourced, 123, 7000), host2)
      expect(seen.source).toBe(of.host)
      expect(ephemeral(seen.sourcePort)).toBe(true)
    })
    withoutRules({ ...wide, translate: /./ }, () => {
      const ip = family === 4 ? 'ip' : 'ip6'
      must(host, `nft add rule inet natspace translate snat ${ip} to ${of.host} fully-random`)
      expect(certainArrival(leaves(sourced, cableOfSourced, 123, 7001), host2).sourcePort).toBeLessThan(512)
    })
  })
})
