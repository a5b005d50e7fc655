/** Connection tracking of a router with NAT between two namespaces: what we see and delete, by conntrack(8)'s own list. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import type { Change } from '../../src/linux/change.ts'
import { kernelFilter } from '../../src/linux/conntrack/filter.ts'
import {
  conntrackGroups,
  conntrackMessage,
  decodeFlowEvent,
  deleteFlows,
  type Flow,
  type FlowSelector,
  flowText,
  hasStatus,
  listFlows,
  matchesFlow,
  toFlow,
} from '../../src/linux/conntrack/index.ts'
import { listRequest } from '../../src/linux/conntrack/list.ts'
import { LinuxKernel } from '../../src/linux/linux.ts'
import { Connection } from '../../src/linux/netlink/connection.ts'
import { NETLINK_NETFILTER } from '../../src/linux/nftables/index.ts'
import { openNamespace } from '../../src/linux/sys/namespace.ts'
import { Socket } from '../../src/linux/sys/socket.ts'
import { shellOf } from '../../src/space/text/shell.ts'
import { ip, requireSandbox, run } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'

requireSandbox()

const router = '/run/netns/ct-router'
const inRouter = (command: string, args: string[], input?: string) =>
  run('ip', ['netns', 'exec', 'ct-router', command, ...args], input)

/** client 10.1.0.2 -- 10.1.0.1 router 10.2.0.1 -- 10.2.0.2 server; fd01:: and fd02:: likewise. */
const ruleset = `
table inet nat {
  chain prerouting {
    type nat hook prerouting priority dstnat
    ip daddr 10.1.0.1 udp dport 8080 dnat ip to 10.2.0.2:80
    ip daddr 10.1.0.1 tcp dport 8080 dnat ip to 10.2.0.2:80
    ip daddr 10.1.0.1 udp dport 9000-9001 dnat ip to 10.2.0.2
    ip6 daddr fd01::1 udp dport 8080 dnat ip6 to [fd02::2]:80
    ip daddr 10.1.0.1 udp dport 8082 redirect to :82
  }
  chain postrouting {
    type nat hook postrouting priority srcnat
    oifname server masquerade
  }
}`

const place = (name: string, number: 1 | 2, family: 4 | 6 = 4) => {
  using namespace = openNamespace(`/run/netns/ct-${name}`)
  const address = family === 4 ? `10.${number}.0.2` : `fd0${number}::2`
  const socket = Socket.open('udp', { namespace: namespace.number, family })
  return { socket, bind: (port: number) => socket.bind({ address, port }) }
}

const open: Disposable[] = []

/** A datagram from the client's port 40000, or another; `answered` by a server at that port of the other namespace. */
const datagram = (address: string, port: number, answered?: number, source = 40000): void => {
  const family = address.includes(':') ? 6 : 4
  const client = place('client', 1, family)
  using _client = client.socket
  client.bind(source)
  const server = answered === undefined ? undefined : place('server', 2, family)
  using _server = server?.socket
  if (answered !== undefined) server?.bind(answered)
  client.socket.send(Uint8Array.of(1), { address, port })
  const received = server?.socket.receive(2000)
  if (server === undefined) return
  expect(received?.bytes).toEqual(Uint8Array.of(1))
  server.socket.send(Uint8Array.of(2), received?.from)
  expect(client.socket.receive(2000)?.bytes).toEqual(Uint8Array.of(2))
}

const connectTcp = (): void => {
  using inner = openNamespace('/run/netns/ct-server')
  using outer = openNamespace('/run/netns/ct-client')
  const server = Socket.listen({ address: '10.2.0.2', port: 80 }, { namespace: inner.number })
  const client = Socket.connect({ address: '10.1.0.1', port: 8080 }, 2000, { namespace: outer.number })
  const accepted = server.accept(2000)
  if (accepted === undefined) throw new Error('no connection came')
  open.push(client, accepted, server)
}

beforeAll(() => {
  run('mkdir', ['-p', '/run/netns'])
  for (const name of ['router', 'client', 'server']) {
    ip(`netns add ct-${name}`)
    ip(`-n ct-${name} link set lo up`)
  }
  for (const [name, number] of [
    ['client', 1],
    ['server', 2],
  ] as const) {
    ip(`-n ct-router link add ${name} type veth peer name eth0 netns ct-${name}`)
    ip(`-n ct-router address add 10.${number}.0.1/24 dev ${name}`)
    ip(`-n ct-router address add fd0${number}::1/64 dev ${name} nodad`)
    ip(`-n ct-router link set ${name} up`)
    ip(`-n ct-${name} address add 10.${number}.0.2/24 dev eth0`)
    ip(`-n ct-${name} address add fd0${number}::2/64 dev eth0 nodad`)
    ip(`-n ct-${name} link set eth0 up`)
    ip(`-n ct-${name} route add default via 10.${number}.0.1`)
    ip(`-n ct-${name} -6 route add default via fd0${number}::1`)
  }
  inRouter('sysctl', ['-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1'])
  inRouter('nft', ['-f', '-'], ruleset)
})

afterAll(() => {
  for (const name of ['router', 'client', 'server']) ip(`netns delete ct-${name}`)
})

/** Ten flows: translated in every way, and not at all. */
const makeFlows = (): void => {
  datagram('10.1.0.1', 8080, 80)
  datagram('10.1.0.1', 9000, 9000)
  datagram('10.1.0.1', 9001)
  datagram('10.1.0.1', 8081)
  datagram('10.1.0.1', 8082)
  datagram('10.2.0.2', 53, 53)
  datagram('fd01::1', 8080, 80)
  datagram('fd01::1', 8081)
  connectTcp()
  ip('netns exec ct-client ping -c 1 -W 2 10.2.0.2')
}
const howMany = 10

let kernel: LinuxKernel
let connection: Connection

beforeEach(() => {
  kernel = new LinuxKernel()
  using namespace = openNamespace(router)
  connection = Connection.open(NETLINK_NETFILTER, { namespace: namespace.number })
  makeFlows()
})

afterEach(() => {
  for (const socket of open.splice(0)) socket[Symbol.dispose]()
  deleteFlows(connection, listFlows(connection))
  connection[Symbol.dispose]()
  kernel[Symbol.dispose]()
})

const withTools = requireTool('conntrack', 'nft', 'ping')

/** Lines of conntrack(8) for each family, without what changes from one moment to the next. */
const theirLines = (): string[] =>
  ['ipv4', 'ipv6'].flatMap(family => inRouter('conntrack', ['-L', '-f', family]).split('\n')).filter(Boolean)
const lasting = (line: string) => line.replace(/^(\S+ +\d+ )\d+ /, '$1').replace(/ use=\d+$/, '')
const theirIds = (): number[] =>
  ['ipv4', 'ipv6'].flatMap(family =>
    [...inRouter('conntrack', ['-L', '-f', family, '-o', 'id']).matchAll(/ id=(\d+)$/gm)].map(match =>
      Number(match[1]),
    ),
  )
const idsOf = (flows: readonly Flow[]) => flows.map(({ id }) => id ?? 0).sort()

describe('the flows of a router', () => {
  withTools('are those that conntrack -L shows, to the letter', () => {
    const ours = kernel.flows(router)
    expect(ours).toHaveLength(howMany)
    expect(ours.map(flowText).map(lasting).sort()).toEqual(theirLines().map(lasting).sort())
    expect(idsOf(ours)).toEqual(theirIds().sort())
  })

  withTools('tell what was translated, and how far it came', () => {
    const only = (selector: FlowSelector): Flow => {
      const [flow, ...others] = kernel.flows(router, selector)
      if (flow === undefined || others.length > 0)
        throw new Error(`not one flow: ${JSON.stringify(selector)}`)
      return flow
    }
    const tcp = only({ protocol: 6 })
    expect(tcp.state).toBe('ESTABLISHED')
    expect(tcp.original).toMatchObject({ source: '10.1.0.2', destination: '10.1.0.1', destinationPort: 8080 })
    expect(tcp.reply).toMatchObject({ source: '10.2.0.2', sourcePort: 80, destination: '10.2.0.1' })
    const names = ['confirmed', 'assured', 'seenReply', 'sourceNat', 'destinationNat'] as const
    const statusOf = (flow: Flow) => names.filter(name => hasStatus(flow, name))
    expect(statusOf(tcp)).toEqual([...names])
    const unanswered = only({ originalDestinationPort: { first: 8081, last: 8081 }, family: 4 })
    expect(statusOf(unanswered)).toEqual(['confirmed'])
    const redirected = only({ originalDestinationPort: { first: 8082, last: 8082 } })
    expect(statusOf(redirected)).toEqual(['confirmed', 'destinationNat'])
    const ping = only({ protocol: 1 })
    expect(ping.original.icmp).toMatchObject({ type: 8, code: 0 })
    expect(statusOf(ping)).toEqual(['confirmed', 'seenReply', 'sourceNat'])
  })
})

const one = (port: number) => ({ first: port, last: port })

/** Selectors, and how many of the ten flows each is about. */
const selectors: [FlowSelector, number][] = [
  [{ protocol: 6 }, 1],
  [{ protocol: 17, family: 4 }, 6],
  [{ family: 6 }, 2],
  [{ originalSource: '10.1.0.2' }, 8],
  [{ originalDestination: 'fd01::1', protocol: 17, originalDestinationPort: one(8080) }, 1],
  [{ originalDestination: '10.1.0.1', protocol: 17, originalDestinationPort: one(8080) }, 1],
  [{ originalDestination: '10.1.0.1', originalDestinationPort: one(8080) }, 2],
  [{ protocol: 17, originalDestinationPort: { first: 9000, last: 9010 } }, 2],
  [{ protocol: 17, replySource: '10.2.0.2', replySourcePort: one(80) }, 1],
  [{ replySource: '10.2.0.2', replySourcePort: { first: 1, last: 100 } }, 3],
  [{ protocol: 17, originalDestination: '10.1.0.1', notReplySource: '10.2.0.2' }, 2],
  [{ protocol: 17, notReplySource: '10.2.0.2' }, 4],
  [{ originalSource: '10.1.0.2', replyDestination: '10.2.0.1' }, 6],
  [{ originalNotTranslated: true }, 2],
  [{ originalNotTranslated: false }, 8],
  [{ destinationTranslated: true }, 6],
  [{ protocol: 17, destinationTranslated: false }, 3],
]

describe('a selector', () => {
  for (const [selector, count] of selectors) {
    const change: Change = { type: 'conntrack.delete', where: router, flows: [selector] }

    withTools(`${JSON.stringify(selector)} finds ${count}, deletes these, and no others`, () => {
      const all = kernel.flows(router)
      const matched = all.filter(flow => matchesFlow(selector, flow))
      expect(matched).toHaveLength(count)
      expect(idsOf(kernel.flows(router, selector))).toEqual(idsOf(matched))
      expect(kernel.change([change])).toEqual(['done'])
      expect(theirIds().sort()).toEqual(idsOf(all.filter(flow => !matched.includes(flow))))
    })

    withTools(`${shellOf(change).join('; ')} deletes the same`, () => {
      const all = kernel.flows(router)
      const { status, stderr } = spawnSync('sh', ['-ec', shellOf(change).join('\n')], {
        encoding: 'utf8',
        timeout: 10_000,
      })
      expect(stderr).not.toMatch(/Illegal|unknown option|not found|Bad|Invalid|Usage/i)
      expect(status).toBe(0)
      expect(idsOf(kernel.flows(router))).toEqual(idsOf(all.filter(flow => !matchesFlow(selector, flow))))
    })
  }

  test('is sifted by the kernel itself where it can be', () => {
    const fromKernel = (selector: FlowSelector): number =>
      connection.dump(listRequest(kernelFilter([selector])), conntrackMessage).map(toFlow).length
    expect(fromKernel({ protocol: 17 })).toBe(howMany)
    expect(fromKernel({ family: 4, protocol: 17 })).toBe(6)
    expect(fromKernel({ originalDestination: '10.1.0.1' })).toBe(6)
    expect(fromKernel({ originalDestination: '10.1.0.1', protocol: 17 })).toBe(5)
    const port = { originalDestination: '10.1.0.1', protocol: 17, originalDestinationPort: one(8080) }
    expect(fromKernel(port)).toBe(1)
    expect(fromKernel({ replySource: '10.2.0.2', protocol: 17, replySourcePort: one(80) })).toBe(1)
    expect(fromKernel({ family: 6, protocol: 17, originalDestinationPort: one(8080) })).toBe(1)
    // Not by an address of IPv6: the kernel would list all the others.
    expect(fromKernel({ originalDestination: 'fd01::1' })).toBe(2)
    expect(fromKernel({ originalDestination: 'fd01::9' })).toBe(2)
  })
})

test('a flow that is gone by the time it is to be deleted is fine', () => {
  const flows = listFlows(connection)
  expect(deleteFlows(connection, flows)).toBe(howMany)
  expect(deleteFlows(connection, flows)).toBe(0)
})

test('a flow with the same tuples and another id is not taken for the one that was listed', () => {
  const [flow] = kernel.flows(router, { protocol: 6 })
  if (flow === undefined) throw new Error('no flow of TCP')
  expect(deleteFlows(connection, [{ ...flow, id: ((flow.id ?? 0) ^ 1) >>> 0 }])).toBe(0)
  expect(kernel.flows(router, { protocol: 6 })).toEqual([{ ...flow, timeout: expect.any(Number) }])
  expect(deleteFlows(connection, [flow])).toBe(1)
})

test('what happens to a flow is told by events', () => {
  using namespace = openNamespace(router)
  using events = Connection.open(NETLINK_NETFILTER, {
    namespace: namespace.number,
    groups: Object.values(conntrackGroups),
  })
  datagram('10.1.0.1', 8080, 80, 40001)
  const selector = { protocol: 17, originalDestinationPort: one(8080) }
  const flow = kernel.flows(router, selector).find(({ original }) => original.sourcePort === 40001) as Flow
  deleteFlows(connection, [flow])
  const told = events.receiveEvents().map(decodeFlowEvent)
  const own = told.filter(event => event?.flow.id === flow.id)
  expect(own.map(event => event?.type)).toEqual(['new', 'update', 'destroy'])
  for (const event of own) expect(event?.flow).toMatchObject({ original: flow.original, reply: flow.reply })
  expect(own.map(event => event && hasStatus(event.flow, 'seenReply'))).toEqual([false, true, true])
})
