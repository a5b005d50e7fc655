/** Who listens, as the kernel tells us and as it tells ss(8): the same sockets, of real programs. */
import { afterAll, afterEach, beforeAll, expect } from 'bun:test'
import { type ChildProcess, spawn } from 'node:child_process'
import { LinuxKernel } from '../../src/linux/linux.ts'
import type { Listener } from '../../src/linux/socket-diag/listener.ts'
import { libc } from '../../src/linux/sys/libc.ts'
import { openNamespace } from '../../src/linux/sys/namespace.ts'
import { Socket } from '../../src/linux/sys/socket.ts'
import { encodeSocketAddress } from '../../src/linux/sys/socket-address.ts'
import { NatspaceError } from '../../src/space/errors.ts'
import { Observation } from '../../src/space/reconcile/observation.ts'
import { checkListened } from '../../src/space/reconcile/port-listened.ts'
import { parsePublish } from '../../src/space/spec/publish.ts'
import { until } from '../support/kernel-suite/stage.ts'
import { type Listening, listen } from '../support/listen.ts'
import { openDescriptors, openedSince, requireSandbox, run } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'

requireSandbox()

const test = requireTool('ss', 'nc', 'nsenter', 'ip')
const where = '/run/natspace-socket-diag'
const inside = [`--net=${where}`]

let kernel: LinuxKernel
let programs: ChildProcess[] = []
let sockets: Disposable[] = []

beforeAll(() => {
  kernel = new LinuxKernel()
  expect(kernel.change([{ type: 'namespace.add', path: where }])).toEqual(['done'])
  run('nsenter', [...inside, 'ip', 'link', 'set', 'lo', 'up'])
})
afterEach(async () => {
  for (const socket of sockets) socket[Symbol.dispose]()
  for (const program of programs) program.kill('SIGKILL')
  sockets = []
  programs = []
  await until(() => kernel.listeners(where).length === 0)
})
afterAll(() => {
  expect(kernel.change([{ type: 'namespace.delete', path: where }])).toEqual(['done'])
  kernel[Symbol.dispose]()
})

/** Starts netcat in the namespace; nsenter becomes it, so the process number is its own. */
const nc = (line: string): ChildProcess => {
  const program = spawn('nsenter', [...inside, 'nc', ...line.split(' ')], {
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  programs.push(program)
  return program
}

const here = (listening: Omit<Listening, 'where'>): Socket => {
  const socket = listen({ ...listening, where })
  sockets.push(socket)
  return socket
}

const atPort = (port: number): Listener | undefined =>
  kernel.listeners(where).find(listener => listener.port === port)

/** A listener as ss(8) prints it: `tcp [::1]:80 ino:7 v6only:1`. */
const textOf = ({ protocol, family, address, port, interface: index, inode, v6Only }: Listener): string => {
  const any = family === 6 && address === '::' && v6Only !== true
  const host = any ? '*' : family === 6 ? `[${address}]` : address
  const only = family === 6 ? ` v6only:${v6Only === true ? 1 : 0}` : ''
  return `${protocol} ${host}${index === undefined ? '' : '%lo'}:${port} ino:${inode}${only}`
}

const seenBySs = (): string[] =>
  run('nsenter', [...inside, 'ss', '-lntuHe'])
    .trim()
    .split('\n')
    .map(line => {
      const [protocol, , , , local] = line.split(/\s+/)
      const only = /v6only:\d/.exec(line)?.[0]
      return `${protocol} ${local} ${/ino:\d+/.exec(line)?.[0]}${only === undefined ? '' : ` ${only}`}`
    })
    .sort()

test('lists what ss -lntu lists', async () => {
  // From now on netcat's sockets of IPv6 leave IPv4 out.
  const key = 'net.ipv6.bindv6only'
  expect(kernel.change([{ type: 'sysctl.set', where, key, value: '1' }])).toEqual(['done'])
  nc('-6 -l 8087')
  await until(() => atPort(8087) !== undefined)
  expect(kernel.change([{ type: 'sysctl.set', where, key, value: '0' }])).toEqual(['done'])
  nc('-l 127.0.0.1 8080')
  nc('-l 8081')
  nc('-6 -l ::1 8082')
  nc('-6 -l 8083')
  nc('-u -l 5353')
  nc('-6 -u -l 5354')
  here({ protocol: 'tcp', address: '::', port: 8084 })
  here({ protocol: 'tcp', address: '::ffff:127.0.0.1', port: 8085 })
  here({ protocol: 'tcp', address: '0.0.0.0', port: 8086, device: 'lo' })
  here({ protocol: 'udp', address: '::', port: 5355, v6Only: false })
  await until(() => kernel.listeners(where).length === 11)
  const ours = kernel.listeners(where)
  expect(ours.map(textOf).sort()).toEqual(seenBySs())
  expect(ours.map(({ port }) => port)).toEqual([
    8080, 8081, 8082, 8083, 8084, 8085, 8086, 8087, 5353, 5354, 5355,
  ])
  expect(atPort(8083)).toMatchObject({ family: 6, address: '::', v6Only: false })
  expect(atPort(8087)).toMatchObject({ family: 6, address: '::', v6Only: true })
})

test('connections and sockets with a peer are no listeners', () => {
  const server = here({ protocol: 'tcp', address: '127.0.0.1', port: 80 })
  const other = here({ protocol: 'udp', address: '127.0.0.1', port: 53 })
  const peer = encodeSocketAddress({ address: '127.0.0.1', port: 53 })
  using namespace = openNamespace(where)
  using client = Socket.connect(server.local, 1000, { namespace: namespace.number })
  using accepted = server.accept(1000) as Socket
  using sender = Socket.open('udp', { namespace: namespace.number })
  sender.bind({ address: '127.0.0.1', port: 0 })
  expect(kernel.listeners(where)).toHaveLength(3)
  expect(libc().connect(sender.descriptor, peer, peer.length)).toBe(0)
  expect(accepted.peer).toEqual(client.local)
  expect(kernel.listeners(where).map(({ port }) => port)).toEqual([80, other.local.port])
})

test('the owner of a socket is the program that opened it', async () => {
  const web = nc('-l 8080')
  const dns = nc('-u -l 127.0.0.1 5353')
  await until(() => kernel.listeners(where).length === 2)
  expect(kernel.socketOwner(atPort(8080)?.inode ?? 0)).toEqual({ pid: web.pid as number, command: 'nc' })
  expect(kernel.socketOwner(atPort(5353)?.inode ?? 0)).toEqual({ pid: dns.pid as number, command: 'nc' })
})

test('of programs that share a socket it is the first one', async () => {
  // The child has our socket too, as its descriptor 3.
  const port = 8090
  const server = here({ protocol: 'tcp', address: '127.0.0.1', port })
  const child = spawn('sleep', ['20'], { stdio: ['ignore', 'ignore', 'ignore', server.descriptor] })
  programs.push(child)
  const inode = atPort(port)?.inode ?? 0
  expect(kernel.socketOwner(inode)?.pid).toBe(Math.min(process.pid, child.pid as number))
  server.close()
  expect(kernel.socketOwner(inode)).toEqual({ pid: child.pid as number, command: 'sleep' })
})

test('the owner of a socket that nobody holds is nobody, whosever processes there are', async () => {
  const program = nc('-l 8080')
  await until(() => atPort(8080) !== undefined)
  const inode = atPort(8080)?.inode ?? 0
  program.kill('SIGKILL')
  await until(() => atPort(8080) === undefined)
  expect(kernel.socketOwner(inode)).toBeUndefined()
})

test('a list that fills several datagrams is whole', () => {
  const ports = Array.from({ length: 400 }, (_, index) => 20_000 + index)
  for (const port of ports) here({ protocol: 'udp', address: '127.0.0.1', port })
  expect(kernel.listeners(where).map(({ port }) => port)).toEqual(ports)
})

test('asking again opens nothing more', () => {
  here({ protocol: 'tcp', address: '127.0.0.1', port: 8091 })
  const inode = atPort(8091)?.inode ?? 0
  const before = openDescriptors()
  for (let i = 0; i < 50; i++) {
    expect(kernel.listeners(where)).toHaveLength(1)
    expect(kernel.socketOwner(inode)).toBeDefined()
  }
  expect(openedSince(before)).toEqual([])
})

test('to publish a port on which netcat listens is refused, with its name and number', async () => {
  const program = spawn('nc', ['-l', '127.0.0.1', '8092'], { stdio: ['pipe', 'ignore', 'ignore'] })
  programs.push(program)
  await until(() => kernel.listeners(undefined, 'tcp').some(({ port }) => port === 8092))
  const check = (text: string) => () =>
    checkListened(new Observation(kernel), [{ name: 'web', publish: [parsePublish(text)] }], new Map())
  expect(check('8092:80')).toThrow(NatspaceError)
  expect(check('8092:80')).toThrow(
    `cannot publish 8092:80 for web: the program nc (pid ${program.pid}) of this host listens on 127.0.0.1:8092/tcp`,
  )
  for (const free of ['8093:80', '8092:80/udp', '192.0.2.1:8092:80']) expect(check(free)).not.toThrow()
})
