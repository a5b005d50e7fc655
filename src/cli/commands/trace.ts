import { observeProbe } from '../../insight/trace/observe.ts'
import { storyOf } from '../../insight/trace/story.ts'
import { parsePort } from '../../linux/net/port.ts'
import { notFound } from '../../space/reconcile/status.ts'
import { optionSite } from '../../space/spec/fault.ts'
import { quote } from '../../space/spec/quote.ts'
import { parseName } from '../../space/spec/validate.ts'
import { readSpaceRecord, recordedNames } from '../../space/state/records.ts'
import { defineCommand, type Input } from '../command.ts'
import { openContext } from '../context.ts'
import { heedSignals } from '../interrupt.ts'
import { type Options, usageError } from '../options.ts'
import { toJson } from '../output.ts'
import { requirePrivilege } from '../privilege.ts'
import { noteSignals } from '../trace/interruption.ts'
import { storyObjects } from '../trace/json.ts'
import { parseTarget } from '../trace/target.ts'
import { storyLines } from '../trace/text.ts'

const traceOptions = {
  to: {
    kind: 'value',
    placeholder: 'HOST[:PORT][/PROTOCOL]',
    help: 'send a probe there: an echo of ICMP, or with a port a TCP connection; /udp for a datagram',
  },
  timeout: { kind: 'value', placeholder: 'SECONDS', help: 'how long to wait for an answer (default 2)' },
  sourcePort: {
    kind: 'value',
    placeholder: 'PORT',
    help: 'the port that the probe comes from; of ICMP the identifier',
  },
  payload: { kind: 'value', placeholder: 'TEXT', help: 'what a UDP datagram carries (default: nothing)' },
} as const satisfies Options

/** Exit status of a probe that did not get through. */
const foundDrop = 3
const longestTimeout = 300

const run = async ({
  options,
  positionals,
  output,
  environment,
}: Input<typeof traceOptions>): Promise<number> => {
  const [first, extra] = positionals
  if (first === undefined || options.to === undefined)
    throw usageError(
      'MISSING_ARGUMENT',
      'Cannot run natspace trace',
      first === undefined ? 'the name of the space is missing' : 'where to is missing',
      [`natspace trace ${first ?? 'NAME'} --to HOST[:PORT]`],
    )
  if (extra !== undefined)
    throw usageError(
      'UNEXPECTED_ARGUMENT',
      `Cannot use the argument ${quote(extra)}`,
      'natspace trace takes one NAME',
      ['natspace trace --help'],
    )
  const name = parseName(first, optionSite(['name']))
  const target = parseTarget(options.to)
  const timeout = parseTimeout(options.timeout) * 1000
  const sourcePort = parseSourcePort(options.sourcePort)
  if (options.payload !== undefined && target.protocol !== 'udp')
    throw usageError('CONFLICTING_OPTIONS', 'Cannot use --payload', 'only a UDP datagram carries one', [
      `natspace trace ${name} --to ${target.address}:PORT/udp --payload TEXT`,
    ])
  requirePrivilege('trace')
  const { kernel, paths } = openContext(environment)
  using _kernel = kernel
  const record = readSpaceRecord(kernel, paths, name)
  if (record === undefined) throw notFound(name, recordedNames(kernel, paths))
  const signalled = noteSignals()
  const seen = await observeProbe(kernel, record.space, target, {
    timeout,
    ...(sourcePort === undefined ? {} : { sourcePort }),
    ...(options.payload === undefined ? {} : { payload: new TextEncoder().encode(options.payload) }),
    pause: async () => {
      await heedSignals()
      return signalled() !== undefined
    },
  })
  if (seen === undefined) return signalled() ?? 1
  const story = storyOf(seen)
  output.lines(
    output.json ? storyObjects(story).map(toJson) : storyLines(story, output.style, output.verbose),
  )
  await heedSignals()
  return signalled() ?? (story.end.outcome === 'dropped' || story.end.outcome === 'lost' ? foundDrop : 0)
}

/** Seconds, as a number above 0. Throws NatspaceError BAD_NUMBER. */
const parseTimeout = (text = '2'): number => {
  const seconds = /^\d{1,3}(\.\d{1,3})?$/.test(text) ? Number(text) : 0
  if (seconds > 0 && seconds <= longestTimeout) return seconds
  throw usageError(
    'BAD_NUMBER',
    `Cannot use --timeout ${quote(text)}`,
    `it is a number of seconds above 0, at most ${longestTimeout}`,
    ['write --timeout 5'],
  )
}

/** Throws NatspaceError BAD_NUMBER. */
const parseSourcePort = (text: string | undefined): number | undefined => {
  if (text === undefined) return undefined
  const port = parsePort(text)
  if (port !== undefined) return port
  throw usageError(
    'BAD_NUMBER',
    `Cannot use --source-port ${quote(text)}`,
    'it is a number from 1 to 65535',
    ['write --source-port 40000'],
  )
}

export const traceCommand = defineCommand({
  name: 'trace',
  summary: 'send a probe from a space and tell its way, and where it ended',
  usage: ['NAME --to HOST[:PORT][/tcp|udp|icmp] [OPTION]...'],
  about: [
    'A program in the space asks HOST, an address, one question: an ICMP echo, with a PORT the beginning of a TCP connection, with /udp a datagram. What happens to it and to the answer is told as the kernel tells it: how the packet looks in the space, at its cable and at the uplink; the routes; each chain of each firewall that did something, with its owner; each field that was changed. -v shows every chain that it passed.',
    'The end is one of: answered; refused, by the other side; delivered (it left this host, and no answer was seen in time); dropped, by a rule, a policy, a route or a setting, which is named; lost (it vanished, with what the kernel has to say about it).',
    'With --json each line is an object: type event, and the last one end, in which a refusal is an answer with refused true.',
    'Exit status 3 when the probe was dropped here or lost. While it runs there is a table natspace-trace-PID in nftables, here and in the space, which changes nothing and goes with the process. Rules of iptables-legacy cannot be followed; that they are there is said.',
  ],
  options: traceOptions,
  completes: 'space',
  examples: [
    {
      command: 'sudo natspace trace web --to 192.0.2.1',
      does: 'the way of an echo (ping) and of its answer',
    },
    { command: 'sudo natspace trace web --to 192.0.2.1:443', does: 'that of a TCP connection' },
    {
      command: "sudo natspace trace web --to '[2001:db8::1]:53/udp' -v",
      does: 'with every chain that is passed',
    },
  ],
  run,
})
