/** What is captured is what tcpdump(8) captures at the same time, and what the kernel's filter selects is what ours does. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { accessSync, constants, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { PacketCapture } from '../../src/linux/packet/capture/capture.ts'
import {
  type CapturedPacket,
  defaultSnapLength,
  type PacketSource,
} from '../../src/linux/packet/capture/captured-packet.ts'
import { RingCapture, ringSnapLength } from '../../src/linux/packet/capture/ring-capture.ts'
import { waitForPackets } from '../../src/linux/packet/capture/wait.ts'
import { decodePacket, layerOf } from '../../src/linux/packet/decode/packet.ts'
import { summaryText } from '../../src/linux/packet/decode/summary.ts'
import { anyFilter } from '../../src/linux/packet/filter/filter.test-support.ts'
import { compileFilter } from '../../src/linux/packet/filter/filter.ts'
import { anyDamagedFrame, anyFrame } from '../../src/linux/packet/frames.test-support.ts'
import { PcapngWriter } from '../../src/linux/packet/pcapng/writer.ts'
import type { Descriptor } from '../../src/linux/sys/descriptor.ts'
import { SystemError } from '../../src/linux/sys/errno.ts'
import { libc } from '../../src/linux/sys/libc.ts'
import { insideNamespace, openNamespace } from '../../src/linux/sys/namespace.ts'
import { Socket } from '../../src/linux/sys/socket.ts'
import { ip, openDescriptors, openedSince, requireSandbox, run, tryRun } from '../support/sandbox.ts'
import { requireTool, type Test } from '../support/tools.ts'

requireSandbox()

const isAccessible = (path: string): boolean => {
  try {
    accessSync(path, constants.R_OK | constants.W_OK)
    return true
  } catch {
    // Missing or not permitted: the same to the test.
    return false
  }
}

const names = { left: 'natspace-packet-l', right: 'natspace-packet-r' }
const [left, right] = ['10.77.0.1', '10.77.0.2']
const [leftIndex, rightIndex] = [771, 772]
/** A test where it can be had; elsewhere there is none, and the reason is told: nobody promised it there. */
const unless = (reason: string | undefined, usual: Test): Test => {
  if (reason === undefined) return usual
  return name => void process.stderr.write(`without the test '${name}': ${reason}\n`)
}

// As user 0 tcpdump(8) gives up its groups, also to become user 0.
const withTcpdump = unless(
  readFileSync('/proc/self/setgroups', 'utf8').trim() === 'deny'
    ? 'this user namespace denies setgroups(2), and so tcpdump does not start'
    : undefined,
  requireTool('tcpdump', 'ping', 'ip', 'nsenter'),
)
const withTunnel = unless(
  isAccessible('/dev/net/tun') ? undefined : 'no access to /dev/net/tun',
  requireTool('ip'),
)

let leftNamespace: Descriptor
let rightNamespace: Descriptor

beforeAll(() => {
  for (const name of Object.values(names)) ip(`netns add ${name}`)
  ip(
    `-n ${names.left} link add left index ${leftIndex} type veth peer name right index ${rightIndex} netns ${names.right}`,
  )
  ip(`-n ${names.left} address add ${left}/24 dev left`)
  ip(`-n ${names.right} address add ${right}/24 dev right`)
  ip(`-n ${names.left} address add fd77::1/64 dev left nodad`)
  ip(`-n ${names.right} address add fd77::2/64 dev right nodad`)
  ip(`-n ${names.left} link set left up`)
  ip(`-n ${names.right} link set right up`)
  leftNamespace = openNamespace(`/run/netns/${names.left}`)
  rightNamespace = openNamespace(`/run/netns/${names.right}`)
})
afterAll(() => {
  leftNamespace.close()
  rightNamespace.close()
  for (const name of Object.values(names)) tryRun('ip', ['netns', 'delete', name])
})

const atLeft = (options: Partial<Parameters<typeof PacketCapture.open>[0]> = {}): PacketCapture =>
  PacketCapture.open({ interface: leftIndex, namespace: leftNamespace.number, ...options })
const atRight = (options: Partial<Parameters<typeof PacketCapture.open>[0]> = {}): PacketCapture =>
  PacketCapture.open({ interface: rightIndex, namespace: rightNamespace.number, ...options })

/** The same by memory that is shared with the kernel. */
const ringAt = (
  side: 'left' | 'right',
  options: Partial<Parameters<typeof RingCapture.open>[0]> = {},
): RingCapture =>
  RingCapture.open({
    interface: side === 'left' ? leftIndex : rightIndex,
    namespace: (side === 'left' ? leftNamespace : rightNamespace).number,
    snapLength: 128,
    ...options,
  })

/** Reads until nothing has come for so many milliseconds. */
const drain = (capture: PacketSource, quiet = 50) => {
  const packets = capture.readBatch(1_000_000)
  while (waitForPackets([capture], quiet).length > 0) packets.push(...capture.readBatch(1_000_000))
  return packets
}

const sender = (): Socket => {
  const socket = Socket.open('udp', { namespace: leftNamespace.number })
  socket.bind({ address: left, port: 17000 })
  return socket
}
const text = (words: string): Uint8Array => new TextEncoder().encode(words)

/** tcpdump(8) at the left interface, which listens when this returns. */
const tcpdump = async (...filter: string[]): Promise<{ stop(): Promise<Buffer> }> => {
  const inside = [
    `--net=/run/netns/${names.left}`,
    'tcpdump',
    '-i',
    'left',
    '-n',
    '-p',
    '-U',
    '-s',
    '0',
    '-Z',
    'root',
  ]
  const line = [...inside, '--time-stamp-precision=nano', '-w', '-', ...filter]
  const program: ChildProcess = spawn('nsenter', line, { stdio: ['ignore', 'pipe', 'pipe'] })
  const chunks: Buffer[] = []
  program.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk))
  const ended = new Promise(resolve => program.on('close', resolve))
  await new Promise<void>((resolve, reject) => {
    let said = ''
    program.stderr?.on('data', (chunk: Buffer) => {
      said += chunk
      if (said.includes('listening on')) resolve()
    })
    program.on('close', () => reject(new Error(`tcpdump: ${said}`)))
  })
  const stop = async () => {
    // What is in its ring is shown to it in less than a second.
    await new Promise(resolve => setTimeout(resolve, 1200))
    program.kill('SIGINT')
    await ended
    return Buffer.concat(chunks)
  }
  return { stop }
}

/** Packets of a file of the older format with nanoseconds. */
const packetsOf = (file: Buffer) => {
  expect(file.readUInt32LE(0)).toBe(0xa1b23c4d)
  const packets: { time: bigint; hex: string; length: number }[] = []
  for (let at = 24; at < file.length; ) {
    const size = file.readUInt32LE(at + 8)
    packets.push({
      time: BigInt(file.readUInt32LE(at)) * 1_000_000_000n + BigInt(file.readUInt32LE(at + 4)),
      hex: file.subarray(at + 16, at + 16 + size).toString('hex'),
      length: file.readUInt32LE(at + 12),
    })
    at += 16 + size
  }
  return packets
}

type Seen = { time: bigint; hex: string; length: number }
const asSeen = (packets: ReturnType<PacketCapture['readBatch']>): Seen[] =>
  packets.map(({ time, bytes, length }) => ({ time, hex: Buffer.from(bytes).toString('hex'), length }))

const withoutTime = ({ hex, length }: Seen): string => `${length} ${hex}`

/** What lies between two packets that hold these words: around them the two may have begun at different times. */
const between = <S extends Seen>(packets: readonly S[], first: string, last: string): S[] => {
  const place = (words: string) =>
    packets.findIndex(({ hex }) => hex.includes(Buffer.from(words).toString('hex')))
  const [start, end] = [place(first), place(last)]
  expect(start).toBeGreaterThanOrEqual(0)
  expect(end).toBeGreaterThan(start)
  return packets.slice(start, end + 1)
}

/** Pings in both families, datagrams both ways and a TCP connection with data. */
const traffic = (): void => {
  using socket = sender()
  using receiver = Socket.open('udp', { namespace: rightNamespace.number })
  receiver.bind({ address: right, port: 17001 })
  socket.send(text('the first'), { address: right, port: 17001 })
  run('nsenter', [
    `--net=/run/netns/${names.left}`,
    'ping',
    '-q',
    '-c',
    '5',
    '-i',
    '0.01',
    '-s',
    '1200',
    right,
  ])
  run('nsenter', [`--net=/run/netns/${names.left}`, 'ping', '-q', '-c', '3', '-i', '0.01', 'fd77::2'])
  for (let i = 0; i < 200; i++) {
    socket.send(text(`datagram ${i}`), { address: right, port: 17001 })
    receiver.send(text(`answer ${i}`), { address: left, port: 17000 })
  }
  // Nobody listens there: an ICMP error that quotes the packet.
  socket.send(text('refused'), { address: right, port: 17999 })
  const server = Socket.listen({ address: right, port: 17080 }, { namespace: rightNamespace.number })
  const client = Socket.connect({ address: right, port: 17080 }, 1000, { namespace: leftNamespace.number })
  const accepted = server.accept(1000)
  client.send(text('GET /'))
  accepted?.send(new Uint8Array(5000))
  expect(client.receive(1000)?.bytes.length).toBeGreaterThan(0)
  for (const each of [accepted, client, server]) each?.close()
  receiver.send(text('the last'), { address: left, port: 17000 })
}

withTcpdump(
  'captures the packets that tcpdump captures: the same bytes, lengths and order, and the times',
  async () => {
    const program = await tcpdump()
    using capture = atLeft()
    traffic()
    const ours = between(asSeen(drain(capture)), 'the first', 'the last')
    const theirs = between(packetsOf(await program.stop()), 'the first', 'the last')
    expect(ours.length).toBeGreaterThan(420)
    expect(ours.map(withoutTime)).toEqual(theirs.map(withoutTime))
    // One stamp serves all captures, but that of TCP, which has used the field itself: there each takes its own time.
    const apart = ours.map(({ time }, index) => Number(time - (theirs[index]?.time ?? 0n)))
    expect(apart.filter(nanoseconds => nanoseconds === 0).length).toBeGreaterThan(400)
    expect(Math.max(...apart.map(Math.abs))).toBeLessThan(1_000_000_000)
    expect(capture.statistics().dropped).toBe(0)
  },
)

withTcpdump('a filter in the kernel selects what it selects for tcpdump', async () => {
  const words = 'udp and (dst port 17001 or len = 51) or icmp[icmptype] = icmp-unreach'
  const program = await tcpdump(words)
  using capture = atLeft({ filter: compileFilter(words).program })
  traffic()
  const ours = between(asSeen(drain(capture)), 'the first', 'refused')
  const theirs = between(packetsOf(await program.stop()), 'the first', 'refused')
  expect(ours.length).toBeGreaterThan(200)
  expect(ours.map(withoutTime)).toEqual(theirs.map(withoutTime))
  const kinds = ours.map(
    ({ hex }) => layerOf(decodePacket(new Uint8Array(Buffer.from(hex, 'hex'))), 'udp')?.destinationPort,
  )
  expect(kinds.some(port => port === 17000)).toBe(true)
})

withTcpdump('says of each packet what tcpdump says, checksums in order', async () => {
  // What the kernel sends by itself, to groups, comes at any time.
  const program = await tcpdump('ip or arp or dst net fd77::/16')
  traffic()
  const file = await program.stop()
  const read = spawnSync('tcpdump', ['-n', '-S', '-t', '-r', '-'], { input: file, encoding: 'utf8' })
  const theirs = read.stdout.trim().split('\n')
  const ours = packetsOf(file).map(({ hex, length }) =>
    summaryText(decodePacket(new Uint8Array(Buffer.from(hex, 'hex')), { length })),
  )
  expect(theirs.length).toBeGreaterThan(420)
  expect(ours).toEqual(theirs)
})

withTcpdump('tcpdump reads in our file what it has seen itself', async () => {
  const program = await tcpdump()
  const chunks: Uint8Array[] = []
  const writer = new PcapngWriter(chunk => chunks.push(chunk), { application: 'natspace' })
  const at = writer.addInterface({ name: 'left', link: 'ethernet', snapLength: defaultSnapLength })
  using capture = atLeft()
  traffic()
  for (const packet of drain(capture)) writer.packet({ ...packet, interface: at, comment: packet.direction })
  const theirs = await program.stop()
  const textOf = (input: Uint8Array): string[] =>
    spawnSync('tcpdump', ['-n', '-S', '-t', '-e', '-X', '-r', '-', 'udp port 17001 or icmp'], {
      input,
      encoding: 'utf8',
    })
      .stdout.trim()
      .split('\n')
  expect(textOf(theirs).length).toBeGreaterThan(1000)
  expect(textOf(new Uint8Array(Buffer.concat(chunks)))).toEqual(textOf(theirs))
})

requireTool('ping', 'nsenter')('both ends of a cable see the same packets, and each the other way', () => {
  using here = atLeft()
  using there = atRight()
  traffic()
  const [sent, came] = [drain(here), drain(there)]
  // What each end sends by itself as it comes up may cross (neighbour discovery).
  const isOurs = ({ bytes }: (typeof sent)[number]) => Buffer.from(bytes).toString('hex', 12, 14) !== '86dd'
  const pair = (packets: typeof sent) =>
    between(asSeen(packets.filter(isOurs)), 'the first', 'the last').map(withoutTime)
  expect(pair(sent).length).toBeGreaterThan(420)
  expect(pair(came)).toEqual(pair(sent))
  const ways = (packets: typeof sent) =>
    new Map(packets.map(({ bytes, direction }) => [Buffer.from(bytes).toString('hex'), direction]))
  const [waysHere, waysThere] = [ways(sent), ways(came)]
  for (const [hex, way] of waysHere) if (waysThere.has(hex)) expect(waysThere.get(hex)).not.toBe(way)
})

test('tells which way a packet went, and leaves out what this host sends if asked', () => {
  using both = atLeft({ filter: compileFilter('udp port 17001').program })
  using incoming = atLeft({ outgoing: false, filter: compileFilter('udp port 17001').program })
  using socket = sender()
  using receiver = Socket.open('udp', { namespace: rightNamespace.number })
  receiver.bind({ address: right, port: 17001 })
  socket.send(text('there'), { address: right, port: 17001 })
  receiver.send(text('back'), { address: left, port: 17000 })
  expect(drain(both).map(({ direction, audience }) => [direction, audience])).toEqual([
    ['out', undefined],
    ['in', 'host'],
  ])
  expect(drain(incoming).map(({ direction }) => direction)).toEqual(['in'])
})

test('cuts packets at the snapshot length, and tells how long they were', () => {
  using capture = atLeft({ snapLength: 40, filter: compileFilter('udp port 17001').program })
  using socket = sender()
  socket.send(new Uint8Array(1000), { address: right, port: 17001 })
  const [packet] = drain(capture)
  expect(packet?.bytes.length).toBe(40)
  expect(packet?.length).toBe(1042)
  const { bytes, length } = packet ?? { bytes: new Uint8Array(0), length: 0 }
  expect(summaryText(decodePacket(bytes, { length }))).toBe(
    `IP ${left}.17000 > ${right}.17001: UDP [|udp] [1002 bytes not captured]`,
  )
})

test('the time is that at which the kernel saw the packet, not that of reading', () => {
  using capture = atLeft({ filter: compileFilter('udp port 17001').program })
  using socket = sender()
  const before = BigInt(Date.now()) * 1_000_000n
  socket.send(text('now'), { address: right, port: 17001 })
  const after = BigInt(Date.now() + 1) * 1_000_000n
  Bun.sleepSync(30)
  const [packet] = drain(capture)
  expect(packet?.time).toBeGreaterThanOrEqual(before)
  expect(packet?.time).toBeLessThanOrEqual(after)
})

test('what finds no room is counted', () => {
  using capture = atRight({ bufferSize: 4096, filter: compileFilter('udp port 17001').program })
  using socket = sender()
  for (let i = 0; i < 2000; i++) socket.send(text(`${i}`), { address: right, port: 17001 })
  const read = drain(capture).length
  const { seen, dropped } = capture.statistics()
  expect(seen).toBe(2000)
  expect(dropped).toBeGreaterThan(1000)
  expect(read).toBe(seen - dropped)
  // The kernel forgets what it has told; we do not.
  socket.send(text('more'), { address: right, port: 17001 })
  drain(capture)
  expect(capture.statistics()).toEqual({ seen: 2001, dropped })
})

test('40,000 packets at two points while they are read: none is lost unsaid', () => {
  const filter = compileFilter('udp port 17001').program
  using one = atLeft({ filter })
  using other = atRight({ filter })
  using socket = sender()
  const read = new Map([one, other].map(capture => [capture, 0]))
  const count = 40_000
  for (let sent = 0; sent < count; ) {
    for (let i = 0; i < 100; i++, sent++) socket.send(text(`${sent}`), { address: right, port: 17001 })
    for (const capture of waitForPackets([one, other], 0))
      read.set(capture, (read.get(capture) ?? 0) + capture.readBatch().length)
  }
  for (const [capture, already] of read) {
    const { seen, dropped } = capture.statistics()
    expect(already + drain(capture).length + dropped).toBe(count)
    expect(seen).toBe(count)
    expect(dropped).toBe(0)
  }
})

type Pair = Seen & { packet: CapturedPacket | undefined }

requireTool('ping', 'nsenter')('a ring shows the packets that a queue shows, in its order', () => {
  using queue = atLeft({ snapLength: ringSnapLength })
  using ring = ringAt('left', { snapLength: ringSnapLength })
  traffic()
  const [queued, written] = [drain(queue), drain(ring)].map(packets =>
    between(
      asSeen(packets).map((seen, index) => ({ ...seen, packet: packets[index] })),
      'the first',
      'the last',
    ),
  ) as [Pair[], Pair[]]
  const known = (seen: Pair) => `${withoutTime(seen)} ${seen.packet?.direction} ${seen.packet?.audience}`
  expect(written.length).toBeGreaterThan(420)
  expect(written.map(known)).toEqual(queued.map(known))
  const apart = written.map(({ time }, index) => Number(time - (queued[index]?.time ?? 0n)))
  expect(Math.max(...apart.map(Math.abs))).toBeLessThan(1_000_000_000)
})

test('a ring cuts packets at the snapshot length, and holds no longer ones', () => {
  const filter = compileFilter('udp port 17001').program
  using capture = ringAt('right', { snapLength: 40, filter })
  using whole = ringAt('right', { snapLength: ringSnapLength, filter })
  using socket = sender()
  socket.send(new Uint8Array(1000), { address: right, port: 17001 })
  expect(drain(capture).map(({ bytes, length }) => [bytes.length, length])).toEqual([[40, 1042]])
  expect(drain(whole).map(({ bytes, length }) => [bytes.length, length])).toEqual([[1042, 1042]])
  expect(() => ringAt('right', { snapLength: ringSnapLength + 1 })).toThrow('A ring keeps at most')
})

test('a ring is used again and again, and what finds no room in it is counted', () => {
  const filter = compileFilter('udp port 17001').program
  // Room for 1024 packets.
  using capture = ringAt('right', { bufferSize: 256 * 1024, filter })
  using socket = sender()
  let sent = 0
  const send = (count: number) => {
    for (let i = 0; i < count; i++, sent++)
      socket.send(text(String(sent).padStart(6)), { address: right, port: 17001 })
  }
  const numbers = () =>
    capture.readBatch(5000).map(({ bytes }) => Number(new TextDecoder().decode(bytes.slice(42))))
  const read: number[] = []
  for (let turn = 0; turn < 40; turn++) {
    send(100)
    read.push(...numbers())
  }
  expect(read).toEqual(Array.from({ length: 4000 }, (_, index) => index))
  expect(capture.statistics()).toEqual({ seen: 4000, dropped: 0 })
  send(3000)
  expect(numbers()).toEqual(Array.from({ length: 1024 }, (_, index) => 4000 + index))
  expect(capture.statistics()).toEqual({ seen: 7000, dropped: 3000 - 1024 })
  send(1)
  expect(numbers()).toEqual([7000])
  // What is held leaves room for others, and is read first.
  for (let turn = 0; turn < 3; turn++) {
    send(1000)
    expect(capture.hold(Number.POSITIVE_INFINITY)).toBe((turn + 1) * 1000 * 256)
  }
  send(10)
  expect(capture.hold(1)).toBe(3000 * 256)
  expect(capture.readBatch(700).length).toBe(700)
  expect(capture.hold(0)).toBe(2300 * 256)
  expect(numbers()).toEqual(Array.from({ length: 2310 }, (_, index) => 7701 + index))
  expect(capture.hold(0)).toBe(0)
  expect(capture.statistics().dropped).toBe(3000 - 1024)
})

test('a ring tells of an interface that goes down, and gives its memory back', () => {
  const rings = () =>
    readFileSync('/proc/self/maps', 'utf8')
      .split('\n')
      .filter(line => line.includes('socket:')).length
  const [before, mapped] = [openDescriptors(), rings()]
  const capture = ringAt('left')
  expect(rings()).toBe(mapped + 1)
  ip(`-n ${names.left} link set left down`)
  drain(capture)
  expect(capture.interfaceWentDown).toBe(true)
  // Told once: what waits then waits again.
  expect(waitForPackets([capture], 0)).toEqual([])
  ip(`-n ${names.left} link set left up`)
  ip(`-n ${names.left} address replace fd77::1/64 dev left nodad`)
  capture.close()
  capture.close()
  expect(() => capture.readBatch()).toThrow('closed already')
  expect(() => ringAt('left', { interface: 9999 })).toThrow(SystemError)
  expect(rings()).toBe(mapped)
  expect(openedSince(before)).toEqual([])
})

/** Sends whole frames from the left interface. */
const sendFrames = (frames: readonly Uint8Array[]): void => {
  const [AF_PACKET, SOCK_RAW] = [17, 3]
  const number = insideNamespace(leftNamespace.number, () => libc().socket(AF_PACKET, SOCK_RAW, 0))
  expect(number).toBeGreaterThanOrEqual(0)
  try {
    const address = new Uint8Array(20)
    const view = new DataView(address.buffer)
    view.setUint16(0, AF_PACKET, true)
    view.setInt32(4, leftIndex, true)
    for (const frame of frames)
      expect(libc().sendto(number, frame, frame.length, 0, address, 20)).toBe(frame.length)
  } finally {
    libc().close(number)
  }
}

test('the kernel selects with our programs what our predicate selects', () => {
  // Tags are taken off by the kernel before a capture sees the frame.
  const untagged = (frame: Uint8Array): boolean =>
    frame.length >= 14 && !['8100', '88a8'].includes(Buffer.from(frame.subarray(12, 14)).toString('hex'))
  const frames = fc
    .sample(fc.oneof(anyFrame, anyDamagedFrame), { numRuns: 300, seed: 11 })
    .filter(untagged)
    // Each ends in its number.
    .map((frame, index) => Uint8Array.from([...frame, index >> 8, index & 255]))
  const numberOf = (bytes: Uint8Array): number => ((bytes.at(-2) ?? 0) << 8) | (bytes.at(-1) ?? 0)
  const sent = new Set(frames.map(frame => Buffer.from(frame).toString('hex')))
  const texts = fc.sample(anyFilter, { numRuns: 80, seed: 12 })
  let selected = 0
  for (let start = 0; start < texts.length; start += 20) {
    const filters = texts.slice(start, start + 20).map(compileFilter)
    using stack = new DisposableStack()
    const captures = filters.map(({ program }) => stack.use(atRight({ filter: program, outgoing: false })))
    sendFrames(frames)
    for (const [index, filter] of filters.entries()) {
      const capture = captures[index] as PacketCapture
      const found = drain(capture, 20).filter(({ bytes }) => sent.has(Buffer.from(bytes).toString('hex')))
      const wanted = frames.flatMap((frame, number) => (filter.matches(frame) ? [number] : []))
      expect({ text: filter.text, found: found.map(({ bytes }) => numberOf(bytes)) }).toEqual({
        text: filter.text,
        found: wanted,
      })
      selected += wanted.length
    }
  }
  expect(selected).toBeGreaterThan(1000)
})

test('an interface that goes down is told, and the capture goes on when it comes back', () => {
  using capture = atLeft({ filter: compileFilter('udp port 17001').program })
  expect(capture.interfaceWentDown).toBe(false)
  ip(`-n ${names.left} link set left down`)
  expect(drain(capture)).toEqual([])
  expect(capture.interfaceWentDown).toBe(true)
  ip(`-n ${names.left} link set left up`)
  ip(`-n ${names.left} address replace fd77::1/64 dev left nodad`)
  using socket = sender()
  socket.send(text('again'), { address: right, port: 17001 })
  expect(drain(capture)).toHaveLength(1)
})

test('nothing stays open, whatever happens', () => {
  const before = openDescriptors()
  for (let i = 0; i < 20; i++) {
    atLeft({ filter: compileFilter('tcp').program }).close()
    expect(() => atLeft({ interface: 9999 })).toThrow(SystemError)
    expect(() => atLeft({ interface: 0 })).toThrow('Cannot capture at interface 0')
    // A program that the kernel refuses: it has no end.
    expect(() => atLeft({ filter: [{ code: 0, jt: 0, jf: 0, k: 0 }] })).toThrow('setsockopt: EINVAL')
  }
  expect(openedSince(before)).toEqual([])
  const capture = atLeft()
  capture.close()
  expect(() => capture.readBatch()).toThrow('closed already')
})

withTunnel('packets of an interface without Ethernet begin with IP, and take no filter', () => {
  const created = tryRun('ip', ['-n', names.left, 'tuntap', 'add', 'dev', 'tunnel', 'mode', 'tun'])
  const index = created.status === 0 ? readIndex('tunnel') : 0
  expect(index).toBeGreaterThan(0)
  ip(`-n ${names.left} link set tunnel up`)
  using capture = atLeft({ interface: index })
  expect(capture.link).toBe('ip')
  expect(() => atLeft({ interface: index, filter: compileFilter('tcp').program })).toThrow(
    'no Ethernet header',
  )
})

const readIndex = (name: string): number =>
  Number(
    insideNamespace(leftNamespace.number, () =>
      readFileSync(`/proc/thread-self/net/dev_snmp6/${name}`, 'utf8'),
    ).match(/ifIndex\s+(\d+)/)?.[1],
  )
