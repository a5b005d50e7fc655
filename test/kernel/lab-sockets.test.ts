import { expect, test } from 'bun:test'
import { decodeEchoPacket, encodeEcho } from '../../src/linux/net/icmp.ts'
import { SystemError } from '../../src/linux/sys/errno.ts'
import { openNamespace, ownNamespacePath } from '../../src/linux/sys/namespace.ts'
import { Socket } from '../../src/linux/sys/socket.ts'

/** Sockets on the loopback of the test's sandbox. */

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (received: { bytes: Uint8Array } | undefined) => new TextDecoder().decode(received?.bytes)

const codeOf = (act: () => unknown): string => {
  try {
    act()
  } catch (error) {
    if (error instanceof SystemError) return `${error.call} ${error.code}`
    throw error
  }
  return 'nothing thrown'
}

for (const [family, address] of [[4, '127.0.0.1'] as const, [6, '::1'] as const])
  test(`one thread holds both ends of a TCP connection over IPv${family}`, () => {
    using namespace = openNamespace(ownNamespacePath)
    const place = { family, namespace: namespace.number }
    using server = Socket.listen({ address, port: 0 }, place)
    expect(server.accept(0)).toBeUndefined()
    using client = Socket.connect(server.local, 1000, place)
    using accepted = server.accept(1000) as Socket
    expect(accepted.peer).toEqual(client.local)
    expect(client.peer).toEqual(server.local)
    expect(client.receive(0)).toBeUndefined()
    accepted.send(bytes('hello'))
    expect(text(client.receive(1000))).toBe('hello')
    accepted.close()
    expect(client.receive(1000)?.bytes).toHaveLength(0)
  })

test('datagrams come with the address of their sender', () => {
  using one = Socket.open('udp')
  using other = Socket.open('udp')
  one.bind({ address: '127.0.0.1', port: 0 })
  other.bind({ address: '127.0.0.1', port: 0 })
  one.send(bytes('hello'), other.local)
  const received = other.receive(1000)
  expect(text(received)).toBe('hello')
  expect(received?.from).toEqual(one.local)
})

test('a raw socket pings, and hears its own request as well as the reply', () => {
  using socket = Socket.open('icmp')
  socket.send(encodeEcho({ type: 'request', identifier: 29610, sequence: 1, payload: bytes('x') }), {
    address: '127.0.0.1',
    port: 0,
  })
  const heard = [socket.receive(1000), socket.receive(1000)].map(item =>
    decodeEchoPacket(item?.bytes ?? new Uint8Array()),
  )
  expect(heard.map(packet => packet?.type).sort()).toEqual(['reply', 'request'])
  for (const packet of heard)
    expect(packet).toMatchObject({
      source: '127.0.0.1',
      destination: '127.0.0.1',
      identifier: 29610,
      sequence: 1,
    })
})

test('refusals are the kernel’s own: a closed port, no route, a port in use', () => {
  using server = Socket.listen({ address: '127.0.0.1', port: 0 })
  const { port } = server.local
  expect(codeOf(() => Socket.listen({ address: '127.0.0.1', port }))).toMatch(/^(bind|listen) EADDRINUSE$/)
  server.close()
  expect(codeOf(() => Socket.connect({ address: '127.0.0.1', port }, 1000))).toBe('connect ECONNREFUSED')
  expect(codeOf(() => Socket.connect({ address: '198.51.100.1', port: 1 }, 1000))).toBe('connect ENETUNREACH')
})

test('waiting ends at its time', () => {
  using socket = Socket.open('udp')
  socket.bind({ address: '127.0.0.1', port: 0 })
  const start = performance.now()
  expect(socket.receive(50)).toBeUndefined()
  expect(performance.now() - start).toBeGreaterThanOrEqual(49)
})

test('a closed socket is not used again', () => {
  const socket = Socket.open('udp')
  socket.close()
  expect(() => socket.receive(0)).toThrow('closed')
})
