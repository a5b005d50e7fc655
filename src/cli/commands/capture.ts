import { ByteStream } from '../../insight/capture/byte-stream.ts'
import { CaptureFileError, createCaptureFile, mayWait } from '../../insight/capture/capture-file.ts'
import { openCapture } from '../../insight/capture/open-capture.ts'
import { readFilter } from '../../insight/capture/read-filter.ts'
import type { SpaceCapture } from '../../insight/capture/space-capture.ts'
import { defaultSnapLength } from '../../linux/packet/index.ts'
import type { Descriptor } from '../../linux/sys/descriptor.ts'
import { errno, SystemError } from '../../linux/sys/errno.ts'
import { isTerminal } from '../../linux/sys/files.ts'
import { NatspaceError } from '../../space/errors.ts'
import { notFound } from '../../space/reconcile/status.ts'
import type { Context } from '../../space/reconcile/types.ts'
import { optionSite } from '../../space/spec/fault.ts'
import { printable, quote } from '../../space/spec/quote.ts'
import type { ResolvedSpace } from '../../space/spec/types.ts'
import { parseName } from '../../space/spec/validate.ts'
import { readSpaceRecord, recordedNames } from '../../space/state/records.ts'
import { addedPoint } from '../capture/added-point.ts'
import { type CaptureFormat, formatFor } from '../capture/format.ts'
import { defineCommand, type Input } from '../command.ts'
import { openContext } from '../context.ts'
import { expectWorkOn } from '../jit.ts'
import { type Options, usageError } from '../options.ts'
import type { Output } from '../output.ts'
import { requirePrivilege } from '../privilege.ts'

const options = {
  write: {
    kind: 'value',
    short: 'w',
    placeholder: 'FILE',
    completes: 'file',
    help: 'write a pcapng file instead of lines; - is stdout',
  },
  snaplen: {
    kind: 'value',
    short: 's',
    placeholder: 'N',
    help: 'bytes kept of each packet; 0: all (default: 128)',
  },
  at: {
    kind: 'list',
    placeholder: 'POINT',
    help: 'capture at [NAMESPACE:]INTERFACE too',
    completes: 'link',
  },
  count: { kind: 'value', short: 'c', placeholder: 'N', help: 'end after so many packets' },
  seconds: { kind: 'value', placeholder: 'N', help: 'end after so many seconds' },
} as const satisfies Options

const usualSnapLength = 128
/** Milliseconds without a packet after which signals and the end are looked at. */
const longestWait = 100
/** Milliseconds in which packets gather, as reading them one by one costs more. */
const gathering = 2
/** Bytes that a reader may be behind; past these nothing more is read from the kernel, which drops and counts. */
const mostBacklog = 4 * 1024 * 1024

type Ending = 'count' | 'seconds' | 'interrupted' | 'gone'

const run = async ({ options: given, positionals, output, environment }: Input<typeof options>) => {
  const [first, ...words] = positionals
  if (first === undefined)
    throw usageError('MISSING_ARGUMENT', 'Cannot run natspace capture', 'the name of the space is missing', [
      'natspace capture NAME [-w FILE.pcapng] [FILTER]',
    ])
  const name = parseName(first, optionSite(['name']))
  const filter = readFilter(words.join(' '))
  const asked = numberOf('snaplen', given.snaplen, { least: 0, most: defaultSnapLength }) ?? usualSnapLength
  const snapLength = asked === 0 ? defaultSnapLength : asked
  const most = numberOf('count', given.count, { least: 1, most: Number.MAX_SAFE_INTEGER })
  const added = given.at?.map(addedPoint)
  const seconds = numberOf('seconds', given.seconds, { least: 0.001, most: 1e9, fractions: true })
  refuseMixedOutput(given.write, output)
  requirePrivilege('capture')
  // It runs for long, and each packet is as much work as a space.
  expectWorkOn(Number.POSITIVE_INFINITY)
  const context = openContext(environment)
  using kernel = context.kernel
  const space = spaceNamed(context, name)
  using capture = openCapture(kernel, space, { filter, snapLength, most, added })
  using file = openFile(given.write, environment.SUDO_UID)
  const descriptor = file?.number ?? 1
  const data = new ByteStream(descriptor, mayWait(descriptor))
  const told = file === undefined ? data : new ByteStream(1, mayWait(1))
  const format = formatFor({ data, told, capture, space, filter, snapLength, output, write: given.write })
  for (const { name: uplink, reason } of capture.skipped)
    output.note(`natspace: nothing is captured at ${printable(uplink)}: ${reason}`)
  output.note(`capturing at ${capture.points.map(point => printable(point.name)).join(', ')}; Ctrl-C ends it`)
  try {
    return await follow({ capture, format, streams: [...new Set([data, told])], seconds, output, name })
  } catch (error) {
    // Whoever read the packets has enough of them.
    if (error instanceof SystemError && error.errno === errno.EPIPE) return 0
    throw error
  }
}

type Following = {
  capture: SpaceCapture
  format: CaptureFormat
  streams: readonly ByteStream[]
  seconds: number | undefined
  output: Output
  name: string
}

/** Captures until something ends it, and then writes all there is. Returns the exit status. */
const follow = async ({ capture, format, streams, seconds, output, name }: Following): Promise<number> => {
  const signals = listen()
  const end = seconds === undefined ? Number.POSITIVE_INFINITY : performance.now() + seconds * 1000
  let ending: Ending | undefined
  while (ending === undefined) {
    const left = Math.max(0, Math.min(longestWait, end - performance.now()))
    const slow = streams.find(stream => stream.backlog > mostBacklog)
    if (slow === undefined) {
      capture.wait(left)
      for (const { name: point, role } of format.take(capture.turn()))
        output.note(
          `natspace: ${printable(point)} went down${role === 'uplink' ? '; packets may be missing' : ''}`,
        )
    } else slow.wait(left)
    for (const stream of streams) stream.flush()
    await pause(capture.isBehind ? 0 : gathering)
    ending = capture.isFull
      ? 'count'
      : signals.count > 0
        ? 'interrupted'
        : performance.now() >= end
          ? 'seconds'
          : capture.isGone()
            ? 'gone'
            : undefined
  }
  format.take(capture.finish())
  format.end(ending)
  const asked = signals.count
  for (const stream of streams)
    while (stream.backlog > 0) {
      stream.flush()
      if (stream.backlog > 0) stream.wait(longestWait)
      await pause(0)
      // Asked once more: whoever should read does not.
      if (signals.count > Math.max(1, asked)) break
    }
  reportCounts(capture, output)
  if (ending !== 'gone') return 0
  if (output.json) return 1
  throw new NatspaceError({
    code: 'SPACE_WENT_DOWN',
    exit: 1,
    what: `cannot capture at ${name} any longer`,
    why: 'the space went down meanwhile',
    evidence: [`packets until then: ${capture.count}`],
    fix: [`bring it up again: natspace up ${name}`],
  })
}

const pause = (milliseconds: number): Promise<void> =>
  new Promise(resolve => {
    setTimeout(resolve, milliseconds)
  })

/** Counts the signals that ask for the end. */
const listen = (): { count: number } => {
  const seen = { count: 0 }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => {
      seen.count++
    })
  return seen
}

const reportCounts = (capture: SpaceCapture, output: Output): void => {
  const lossy = capture.points.filter(({ statistics }) => statistics.dropped > 0)
  const lost = lossy.reduce((sum, { statistics }) => sum + statistics.dropped, 0)
  output.note(`${capture.count} ${capture.count === 1 ? 'packet' : 'packets'}, ${lost} lost`)
  for (const { name, statistics } of lossy)
    output.note(
      `  ${statistics.dropped} of ${statistics.seen} at ${printable(name)}: they were not read in time`,
    )
}

const spaceNamed = (context: Context, name: string): ResolvedSpace => {
  const record = readSpaceRecord(context.kernel, context.paths, name)
  if (record === undefined) throw notFound(name, recordedNames(context.kernel, context.paths))
  return record.space
}

/** The file of -w; undefined for stdout. */
const openFile = (path: string | undefined, sudoUser: string | undefined): Descriptor | undefined => {
  if (path === undefined || path === '-') return undefined
  const own = process.geteuid?.() ?? 0
  const users = /^\d{1,10}$/.test(sudoUser ?? '') ? [own, Number(sudoUser)] : [own]
  try {
    return createCaptureFile(path, users)
  } catch (error) {
    if (!(error instanceof CaptureFileError)) throw error
    throw new NatspaceError({
      code: 'CANNOT_WRITE_CAPTURE',
      exit: 1,
      what: `cannot write the capture to ${quote(path)}`,
      why: error.reason,
      fix: ['name a file in a folder of your own, or -w - for stdout'],
      cause: error,
    })
  }
}

const refuseMixedOutput = (write: string | undefined, { json }: Output): void => {
  if (write !== '-') return
  if (json)
    throw usageError('CONFLICTING_OPTIONS', 'Cannot use -w - with --json', 'both write to stdout', [
      'leave out one of them, or write to a file',
    ])
  if (isTerminal(1))
    throw usageError('TERMINAL_OUTPUT', 'Cannot use -w -', 'stdout is a terminal, and packets are bytes', [
      'leave it out to see a line for each packet',
      'natspace capture NAME -w - | wireshark -k -i -',
    ])
}

type Limits = { least: number; most: number; fractions?: true }

const numberOf = (
  option: string,
  text: string | undefined,
  { least, most, fractions }: Limits,
): number | undefined => {
  if (text === undefined) return undefined
  const form = fractions ? /^\d{1,9}(\.\d{1,3})?$/ : /^\d{1,15}$/
  const value = form.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw usageError(
    'BAD_NUMBER',
    `Cannot use --${option} ${quote(text)}`,
    `it takes a number from ${least} on${most < 1e9 ? `, at most ${most}` : ''}`,
    [`write --${option} ${option === 'seconds' ? '10' : '100'}`],
  )
}

export const captureCommand = defineCommand({
  name: 'capture',
  summary: 'show or keep the packets of a space at every point of their way',
  usage: ['NAME [-w FILE.pcapng] [OPTION]... [FILTER]...'],
  about: [
    'Captures at three points at once: the inner end of the cable (NAME:eth0), its host end (veth-NAME), and where packets leave this host: the uplink that the space is pinned to, or the links of the default routes. Without -w each packet is a line; with -w everything goes to one pcapng file with an interface for each point, which Wireshark and tcpdump open.',
    '--at adds a point: another interface of this host, or one of a namespace, by its name in ip netns or its path.',
    'NAT changes addresses between the host end and the uplink. Packets that are one and the same are told: "same packet as #12 (before SNAT 10.200.0.2:4000 -> 192.168.1.32:40123)", in the file as a comment, where #12 is the number that Wireshark shows. Connection tracking says which addresses belong together; where anything is in doubt, nothing is said. For this a packet is held back for a fifth of a second.',
    'FILTER is in the language of pcap-filter(7), and is applied by the kernel at every point. As addresses differ from point to point, a filter for the address of the space sees nothing at the uplink: filter by the far end, a port or a protocol to see all of the way.',
    'A file is new and readable for you alone; a file of that name is replaced, and a symbolic link is not followed. Under sudo, natspace capture NAME -w - >FILE makes it yours. Interfaces are not put into promiscuous mode. Packets that were not read in time are counted, and told at the end and in the file.',
    '--json prints JSON Lines with a type: a snapshot of the points, an event for each packet, lost, and end; with -w FILE the events are in the file alone.',
  ],
  options,
  completes: 'space',
  examples: [
    { command: 'natspace capture web', does: 'a line for each packet, until Ctrl-C' },
    { command: 'natspace capture web -w web.pcapng icmp', does: 'pings, with their ways, into a file' },
    { command: 'natspace capture web -w - | wireshark -k -i -', does: 'live in Wireshark' },
    { command: 'natspace capture web --at lan:eth0', does: 'at an interface in the namespace lan too' },
    { command: 'natspace capture web -c 100 tcp port 443', does: 'a hundred packets of HTTPS' },
  ],
  run,
})
