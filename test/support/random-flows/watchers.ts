/**
 * Theory of operation. The second opinions run all the time: a capture of each link, and in each namespace `nft monitor
 * trace` and `conntrack -E`, all into files. To know that a file is complete, something that comes behind all that is of
 * interest is made on purpose: a frame of nobody on each link, a datagram on each loopback, a connection in each table; and
 * the file is read when that is in it.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
} from 'node:fs'
import { join } from 'node:path'
import { Socket } from '../../../src/linux/sys/socket.ts'
import { udp } from '../attack/frame.ts'
import { Wire } from '../attack/wire.ts'
import { run } from '../sandbox.ts'
import { findTool } from '../tools.ts'
import { at } from '../walk-stage.ts'
import { type Tracked, trackedOf } from './conntrack-events.ts'
import { type NftPacket, nftPacketsOf } from './nft-trace.ts'
import { captureStart, type Frame, framesOf } from './pcap.ts'

const folder = '/run/random-flows'
const wireshark = join(import.meta.dirname, '../../../build/second-opinions/wireshark/root/usr')
const dumpcap = join(wireshark, 'bin/dumpcap')

/** As user 0 tcpdump(8) gives up its groups, also to stay user 0, which a user namespace may forbid: then it is dumpcap. */
const isForbidden = readFileSync('/proc/self/setgroups', 'utf8').trim() === 'deny'

/** Why nothing can be captured here; undefined where it can. */
export const whyNoCapture = (): string | undefined => {
  if (!isForbidden) return findTool('tcpdump') === undefined ? 'needs tcpdump' : undefined
  return existsSync(dumpcap) ? undefined : 'needs dumpcap, which `npm test` fetches with tshark'
}

const captureCommand = (link: string): { words: string[]; environment: Record<string, string> } => {
  if (!isForbidden)
    return {
      words: ['tcpdump', '-Z', 'root', '--immediate-mode', '-Uni', link, '-s', '256', '-w', '-'],
      environment: {},
    }
  const libraries = readdirSync(join(wireshark, 'lib')).filter(name => name.endsWith('-linux-gnu'))
  return {
    words: [dumpcap, '-qPi', link, '-s', '256', '-w', '-'],
    environment: { LD_LIBRARY_PATH: libraries.map(name => join(wireshark, 'lib', name)).join(':') },
  }
}

/** A namespace by its name in /run/netns; `host` is this one. */
export type Place = string

const pathOf = (place: Place): string | undefined => (place === 'host' ? undefined : `/run/netns/${place}`)

/** A link to capture; `sender` is where a frame has to be sent to come by it. */
export type Watched = { place: Place; link: string; sender: { place: Place; link: string } }

/** What was seen in some time. */
export type Evidence = {
  /** By place and link: `host eth0`. */
  frames: ReadonlyMap<string, readonly Frame[]>
  /** By place. */
  packets: ReadonlyMap<Place, readonly NftPacket[]>
  tracked: ReadonlyMap<Place, readonly Tracked[]>
}

const patience = 10_000
const nobody = '02:00:00:00:00:99'
const sentinel = { table: 'zz-sentinel', port: 9, address: '192.0.2.99' }

/** What a program writes into its file, behind what was read of it already. */
class Tail implements Disposable {
  readonly #descriptor: number
  #from = 0

  constructor(name: string) {
    this.#descriptor = openSync(join(folder, name), 'r')
  }

  read(from = this.#from, to = fstatSync(this.#descriptor).size): Buffer {
    const bytes = Buffer.alloc(Math.max(0, to - from))
    return bytes.subarray(0, readSync(this.#descriptor, bytes, 0, bytes.length, from))
  }

  /** A capture with its header. */
  frames(): Frame[] {
    return framesOf(this.#from === 0 ? this.read() : Buffer.concat([this.read(0, captureStart), this.read()]))
  }

  /** All that is there now was read. */
  passOver(): void {
    this.#from = fstatSync(this.#descriptor).size
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor)
  }
}

export class Watchers implements Disposable {
  readonly #children: ChildProcess[] = []
  readonly #wires = new Map<string, Wire>()
  readonly #tails = new Map<string, Tail>()
  readonly #links: readonly Watched[]
  readonly #places: readonly Place[]
  #count = 20_000

  constructor(links: readonly Watched[], places: readonly Place[]) {
    this.#links = links
    this.#places = places
    mkdirSync(folder)
    for (const place of places) {
      this.#enter(
        place,
        ['nft', '-f', '-'],
        `table inet ${sentinel.table} {
  chain output {
    type filter hook output priority -600
    oifname "lo" udp dport ${sentinel.port} meta nftrace set 1
  }
}`,
      )
      this.#start(place, `trace-${place}`, ['stdbuf', '-oL', 'nft', '-a', 'monitor', 'trace'])
      this.#start(place, `tracked-${place}`, ['stdbuf', '-oL', 'conntrack', '-E', '-b', '4194304'])
    }
    for (const { place, link, sender } of links) {
      const { words, environment } = captureCommand(link)
      this.#start(place, `capture-${place}-${link}`, words, environment)
      const key = `${sender.place} ${sender.link}`
      if (!this.#wires.has(key)) this.#wires.set(key, new Wire(sender.place, sender.link))
    }
    this.take()
  }

  #start(
    place: Place,
    name: string,
    words: readonly string[],
    environment: Record<string, string> = {},
  ): void {
    const output = openSync(join(folder, name), 'w')
    const errors = openSync(join(folder, `${name}.err`), 'w')
    const [command = '', ...rest] = place === 'host' ? words : ['nsenter', `--net=${pathOf(place)}`, ...words]
    try {
      this.#children.push(
        spawn(command, rest, { stdio: ['ignore', output, errors], env: { ...process.env, ...environment } }),
      )
    } finally {
      closeSync(output)
      closeSync(errors)
    }
    this.#tails.set(name, new Tail(name))
  }

  #tail(name: string): Tail {
    const tail = this.#tails.get(name)
    if (tail === undefined) throw new Error(`nothing is called ${name}`)
    return tail
  }

  #text(name: string): string {
    return this.#tail(name).read().toString()
  }

  #enter(place: Place, words: readonly [string, ...string[]], input?: string): void {
    if (place === 'host') run(words[0], words.slice(1), input)
    else run('nsenter', [`--net=${pathOf(place)}`, ...words], input)
  }

  /** Waits until everything that has happened so far is in the files. Throws when that takes too long. */
  #settle(): void {
    const end = performance.now() + patience
    // A program that has just started hears nothing yet, so it is told again.
    for (let pause = 50; ; pause *= 2) {
      const number = this.#count++
      for (const wire of this.#wires.values())
        wire.send(
          nobody,
          udp({ source: sentinel.address, destination: sentinel.address, sourcePort: number, port: 9 }, ''),
        )
      for (const place of this.#places) {
        sendDatagram(place, number)
        this.#enter(place, connectionCommand(number))
      }
      const again = performance.now() + pause
      while (performance.now() < again) {
        const missing = this.#missing(number)
        if (missing.length === 0) return
        if (performance.now() > end)
          throw new Error(`these tell nothing: ${missing.join(', ')}: ${this.#errors()}`)
        Bun.sleepSync(2)
      }
    }
  }

  /** The files in which what comes last is not seen yet. */
  #missing(number: number): string[] {
    return [
      ...this.#links.map(captureName).filter(
        name =>
          !this.#tail(name)
            .frames()
            .some(({ source, sourcePort }) => source === sentinel.address && sourcePort === number),
      ),
      ...this.#places
        .map(place => `trace-${place}`)
        .filter(name => !this.#text(name).includes(` udp sport ${number} udp dport 9`)),
      ...this.#places
        .map(place => `tracked-${place}`)
        .filter(name => !this.#text(name).includes(` sport=${number} dport=9 `)),
    ]
  }

  #errors(): string {
    return readdirSync(folder)
      .filter(name => name.endsWith('.err'))
      .map(name => readFileSync(join(folder, name), 'utf8').trim())
      .join(' ')
  }

  /** What was seen since the last time; waits until it is complete. */
  take(): Evidence {
    this.#settle()
    const evidence = {
      frames: new Map(
        this.#links.map(watched => [
          `${watched.place} ${watched.link}`,
          this.#tail(captureName(watched))
            .frames()
            .filter(({ source }) => source !== sentinel.address),
        ]),
      ),
      packets: new Map(this.#places.map(place => [place, nftPacketsOf(this.#text(`trace-${place}`))])),
      tracked: new Map(this.#places.map(place => [place, trackedOf(this.#text(`tracked-${place}`))])),
    }
    for (const tail of this.#tails.values()) tail.passOver()
    return evidence
  }

  [Symbol.dispose](): void {
    for (const item of [...this.#wires.values(), ...this.#tails.values()]) item[Symbol.dispose]()
    for (const child of this.#children) child.kill('SIGKILL')
    for (const place of this.#places) this.#enter(place, ['nft', 'delete', 'table', 'inet', sentinel.table])
    rmSync(folder, { recursive: true, force: true })
  }
}

const captureName = ({ place, link }: Watched): string => `capture-${place}-${link}`

/** Over the loopback of a namespace, where a rule of its own marks it before any other sees it. */
const sendDatagram = (place: Place, number: number): void => {
  const path = pathOf(place)
  using socket = path === undefined ? Socket.open('udp') : at(path, where => Socket.open('udp', where))
  socket.bind({ address: '127.0.0.1', port: number })
  try {
    socket.send(new Uint8Array(), { address: '127.0.0.1', port: sentinel.port })
  } catch {
    // A rule behind the one that marks it may refuse it: it was told of all the same.
  }
}

const connectionCommand = (number: number): [string, ...string[]] => [
  'conntrack',
  ...`-I -p udp -s 127.0.0.9 -d 127.0.0.9 --sport ${number} --dport 9 -t 2`.split(' '),
]
