/** Flows that never pause, when what they were begun under changes: real packets, with conntrack(8) as second opinion. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from 'bun:test'
import { LinuxKernel } from '../../src/linux/linux.ts'
import { openNamespace } from '../../src/linux/sys/namespace.ts'
import { Socket } from '../../src/linux/sys/socket.ts'
import { down } from '../../src/space/reconcile/down.ts'
import { publish, unpublish } from '../../src/space/reconcile/publish.ts'
import type { Context } from '../../src/space/reconcile/types.ts'
import { up } from '../../src/space/reconcile/up.ts'
import { parsePublish } from '../../src/space/spec/publish.ts'
import { parsePublishedPort } from '../../src/space/spec/published-port.ts'
import type { SpaceSpec } from '../../src/space/spec/types.ts'
import { statePaths } from '../../src/space/state/records.ts'
import { ip, requireSandbox, run } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'
import { spec } from '../support/up-scenarios.ts'

requireSandbox()

const test = requireTool('ip', 'nft', 'conntrack')

const kernel = new LinuxKernel()
const context: Context = { kernel, paths: statePaths('/run/natspace-flows') }
const host = { 4: '192.168.1.32', 6: 'fd99::32' } as const
const outside = { 4: '192.168.1.15', 6: 'fd99::15' } as const
const any = { 4: '0.0.0.0', 6: '::' } as const
const families = [4, 6] as const
type Family = (typeof families)[number]

beforeAll(() => {
  run('mkdir', ['-p', '/run/netns'])
  ip('netns add flows-host2')
  ip('link add eth0 type veth peer name eth0 netns flows-host2')
  ip('-n flows-host2 link set lo up')
  ip('address add 192.168.1.32/24 dev eth0')
  ip('address add 192.168.1.33/24 dev eth0')
  ip('address add fd99::32/64 dev eth0 nodad')
  ip('link set eth0 up')
  ip('-n flows-host2 address add 192.168.1.15/24 dev eth0')
  ip('-n flows-host2 address add fd99::15/64 dev eth0 nodad')
  ip('-n flows-host2 link set eth0 up')
})

afterAll(() => {
  kernel[Symbol.dispose]()
  ip('link delete eth0')
  ip('netns delete flows-host2')
})

/** The kernel notices a carrier a little later, and drops what is sent until then. */
const settled = async (...namespaces: string[]): Promise<void> => {
  for (let attempt = 0; attempt < 200; attempt++) {
    const lines = ['', ...namespaces.map(name => `-n ${name} `)].flatMap(where =>
      ip(`${where}-br link show type veth`).trim().split('\n'),
    )
    if (lines.every(line => line.includes(' UP '))) return
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  throw new Error('Some links have no carrier')
}

const open: Disposable[] = []
const keep = <T extends Disposable>(item: T): T => {
  open.push(item)
  return item
}

/** A UDP socket at a port of a namespace: of a space, of host2, or of this host. */
const socketAt = (name: string | undefined, port: number, family: Family = 4): Socket => {
  using namespace = name === undefined ? undefined : openNamespace(`/run/netns/${name}`)
  const socket = keep(Socket.open('udp', { family, namespace: namespace?.number }))
  socket.bind({ address: any[family], port })
  return socket
}

let number = 0

/** Milliseconds after which nobody will get a datagram any more. */
const patience = 500

/** Sends one datagram and tells which of the servers gets it; that one answers, and the answer must come back. */
const whoGets = (
  client: Socket,
  to: { address: string; port: number },
  servers: Record<string, Socket>,
): string => {
  const bytes = Uint8Array.of(++number & 255, 7)
  client.send(bytes, to)
  for (const end = performance.now() + patience; performance.now() < end; )
    for (const [name, server] of Object.entries(servers)) {
      const received = server.receive(5)
      if (received === undefined) continue
      expect(received.bytes).toEqual(bytes)
      server.send(Uint8Array.of(9), received.from)
      expect(client.receive(1000)?.from).toEqual(to)
      return name
    }
  return 'nobody'
}

/** What conntrack(8) shows: an id for each flow that its filter finds. */
const ids = (...filter: string[]): string[] =>
  families
    .flatMap(family => [
      ...run('conntrack', ['-L', '-f', `ipv${family}`, '-o', 'id', ...filter]).matchAll(/ id=(\d+)$/gm),
    ])
    .map(([, id]) => id as string)
    .sort()

const a = (rest: Partial<SpaceSpec> = {}) => spec('flows-a', { address: '10.77.0.2', ipv6: 'on', ...rest })
const b = (rest: Partial<SpaceSpec> = {}) => spec('flows-b', { address: '10.77.1.2', ipv6: 'on', ...rest })
const ports = (...texts: string[]) => texts.map(text => parsePublish(text))
const publishing = (...texts: string[]) => ({ publish: ports(...texts) })

/** Flows that no test may touch: through another port, from a space outside, of the host itself. */
let unrelated: string[]

const begin = async (): Promise<void> => {
  await up(context, [a(publishing('5300:53/udp', '5400:54/udp')), b()])
  await settled('flows-host2', 'flows-a', 'flows-b')
  const [inner, outer] = [socketAt('flows-a', 54), socketAt('flows-host2', 7000)]
  expect(whoGets(socketAt('flows-host2', 41000), { address: host[4], port: 5400 }, { inner })).toBe('inner')
  const to = { address: outside[4], port: 7000 }
  expect(whoGets(socketAt('flows-b', 42000), to, { outer })).toBe('outer')
  expect(whoGets(socketAt(undefined, 43000), to, { outer })).toBe('outer')
  unrelated = ids('-p', 'udp')
  expect(unrelated).toHaveLength(3)
}

const expectUnrelated = (): void => {
  const present = ids('-p', 'udp')
  for (const id of unrelated) expect(present).toContain(id)
}

beforeEach(begin)
afterEach(async () => {
  for (const item of open.splice(0)) item[Symbol.dispose]()
  await down(context, ['flows-a', 'flows-b'])
  run('conntrack', ['-F'])
})

for (const family of families)
  describe(`a flow of UDP through a published port, by IPv${family}`, () => {
    const to = { address: host[family], port: 5300 }
    const filter = ['-p', 'udp', '--orig-port-dst', '5300']
    let client: Socket
    let servers: Record<string, Socket>

    const start = () => {
      client = socketAt('flows-host2', 40000, family)
      servers = {
        'a:53': socketAt('flows-a', 53, family),
        'a:55': socketAt('flows-a', 55, family),
        'b:53': socketAt('flows-b', 53, family),
      }
      expect(whoGets(client, to, servers)).toBe('a:53')
      expect(ids(...filter)).toHaveLength(1)
    }

    test('goes on to the old place when only the rules change: this is what has to be prevented', () => {
      start()
      run('nft', ['delete', 'element', 'inet', 'natspace', `publish${family}`, '{ udp . 5300 }'])
      expect(whoGets(client, to, servers)).toBe('a:53')
    })

    test('gets nowhere when the port is closed', async () => {
      start()
      await unpublish(context, 'flows-a', [parsePublishedPort('5300/udp')])
      expect(whoGets(client, to, servers)).toBe('nobody')
      expectUnrelated()
    })

    test('goes to another port inside', async () => {
      start()
      await up(context, [a(publishing('5300:55/udp', '5400:54/udp'))])
      expect(whoGets(client, to, servers)).toBe('a:55')
      expectUnrelated()
    })

    test('goes to another space', async () => {
      start()
      await unpublish(context, 'flows-a', [parsePublishedPort('5300/udp')])
      // It is this host's for a while.
      expect(whoGets(client, to, servers)).toBe('nobody')
      expect(ids(...filter)).toHaveLength(1)
      await publish(context, 'flows-b', ports('5300:53/udp'))
      expect(whoGets(client, to, servers)).toBe('b:53')
      expect(ids(...filter)).toHaveLength(1)
      expectUnrelated()
    })

    test('stays the same flow when other ports come and go, and when all is as it was', async () => {
      start()
      const before = ids(...filter)
      await publish(context, 'flows-a', ports('5500:55/udp', '5600-5700/tcp'))
      await unpublish(context, 'flows-a', [parsePublishedPort('5500/udp')])
      await up(context, [a(publishing('5300:53/udp', '5400:54/udp', '5600-5700'))])
      expect(whoGets(client, to, servers)).toBe('a:53')
      expect(ids(...filter)).toEqual(before)
      expectUnrelated()
    })

    test('is one of this host before its port is published, and goes inside then', async () => {
      start()
      const later = { address: host[family], port: 5900 }
      expect(whoGets(client, later, servers)).toBe('nobody')
      expect(ids('-p', 'udp', '--orig-port-dst', '5900')).toHaveLength(1)
      await publish(context, 'flows-a', ports('5900:55/udp'))
      expect(whoGets(client, later, servers)).toBe('a:55')
      expectUnrelated()
    })
  })

test('a connection of TCP stays when others are published, and ends when its own port is closed', async () => {
  await publish(context, 'flows-a', ports('8080:80'))
  using inner = openNamespace('/run/netns/flows-a')
  using outer = openNamespace('/run/netns/flows-host2')
  const server = keep(Socket.listen({ address: '0.0.0.0', port: 80 }, { namespace: inner.number }))
  const client = keep(Socket.connect({ address: host[4], port: 8080 }, 2000, { namespace: outer.number }))
  const accepted = server.accept(2000)
  if (accepted === undefined) throw new Error('no connection came')
  keep(accepted)
  const filter = ['-p', 'tcp', '--orig-port-dst', '8080']
  const before = ids(...filter)
  expect(before).toHaveLength(1)
  await publish(context, 'flows-a', ports('8081:80', '8082/udp'))
  expect(ids(...filter)).toEqual(before)
  client.send(Uint8Array.of(1))
  expect(accepted.receive(1000)?.bytes).toEqual(Uint8Array.of(1))
  await unpublish(context, 'flows-a', [parsePublishedPort('8080')])
  expect(ids(...filter)).toEqual([])
  client.send(Uint8Array.of(2))
  expect(accepted.receive(300)).toBeUndefined()
  expectUnrelated()
})

test('a flow from inside leaves with the new source at once, and another space goes on with its own', async () => {
  const outer = socketAt('flows-host2', 7001)
  const inner = socketAt('flows-a', 40001)
  const source = (): string | undefined => {
    inner.send(Uint8Array.of(1), { address: outside[4], port: 7001 })
    return outer.receive(1000)?.from?.address
  }
  expect(source()).toBe('192.168.1.32')
  const same = publishing('5300:53/udp', '5400:54/udp')
  await up(context, [a({ ...same, source: { ipv4: '192.168.1.33' } })])
  expect(source()).toBe('192.168.1.33')
  await up(context, [a(same)])
  expect(source()).toBe('192.168.1.32')
  expectUnrelated()
})

test('translation that somebody took away is there for flows that began without it', async () => {
  const outer = socketAt('flows-host2', 7001)
  const inner = socketAt('flows-a', 40001)
  ip('-n flows-host2 route add 10.77.0.0/16 via 192.168.1.32')
  const source = (): string | undefined => {
    inner.send(Uint8Array.of(1), { address: outside[4], port: 7001 })
    return outer.receive(1000)?.from?.address
  }
  run('nft', ['delete', 'element', 'inet', 'natspace', 'outbound4', '{ 10.77.0.2 }'])
  expect(source()).toBe('10.77.0.2')
  await up(context, [a(publishing('5300:53/udp', '5400:54/udp'))])
  expect(source()).toBe('192.168.1.32')
  ip('-n flows-host2 route delete 10.77.0.0/16')
  expectUnrelated()
})

test('a space that goes takes all its flows along, and no others', async () => {
  const server = socketAt('flows-host2', 7001, 6)
  const client = socketAt('flows-a', 40001, 6)
  expect(whoGets(client, { address: outside[6], port: 7001 }, { server })).toBe('server')
  await down(context, ['flows-a'])
  const rest = run('conntrack', ['-L', '-p', 'udp']) + run('conntrack', ['-L', '-f', 'ipv6', '-p', 'udp'])
  expect(rest).not.toContain('10.77.0.2')
  expect(rest).not.toContain('dport=7001')
  expect(rest).toContain('src=10.77.1.2')
  expect(ids('-p', 'udp')).toHaveLength(2)
})
