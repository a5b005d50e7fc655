import { observeProbe } from '../../insight/trace/observe.ts'
import { storyOf } from '../../insight/trace/story.ts'
import { parseTarget } from '../../insight/trace/target.ts'
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
import { runFollowing } from '../trace/following.ts'
import { noteSignals } from '../trace/interruption.ts'
import { storyObjects } from '../trace/json.ts'
import { modeOf } from '../trace/modes.ts'
import { ProbePrediction, printCompared, printPrediction } from '../trace/predict.ts'
import { refuseBesideReplay, replayTraces } from '../trace/replay.ts'
import { openTraceFile, saving } from '../trace/save.ts'
import { storyLines } from '../trace/text.ts'
import { parseTimeout } from '../trace/timeout.ts'

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
  predict: {
    kind: 'flag',
    help: 'tell what would happen, by rules, routes and settings, beside what does happen',
  },
  dryRun: { kind: 'flag', help: 'only tell what would happen: nothing is sent' },
  save: {
    kind: 'value',
    placeholder: 'FILE',
    help: 'keep what was observed, to be told again with --replay; a file that is there is replaced',
    completes: 'file',
  },
  replay: {
    kind: 'value',
    placeholder: 'FILE',
    help: 'tell again what --save has kept (- for stdin): without privilege, network or space',
    completes: 'file',
  },
  follow: { kind: 'flag', help: 'tell of all flows of the space, until Ctrl-C' },
  from: {
    kind: 'value',
    placeholder: 'HOST[:PORT]',
    help: 'tell of the flows that HOST begins and that come to the space, until Ctrl-C; any for all of them',
  },
  filter: {
    kind: 'value',
    placeholder: 'EXPR',
    help: 'only flows whose first packet is selected at some point (pcap-filter)',
  },
  verdict: {
    kind: 'list',
    placeholder: 'END',
    help: 'only flows that end so: drop, answered, refused, delivered, lost; several with commas',
  },
  limit: { kind: 'value', placeholder: 'N', help: 'end after so many flows' },
  asRoot: { kind: 'flag', help: 'under sudo: run the program as root instead of as the user who called it' },
} as const satisfies Options

/** Exit status of a probe that did not get through. */
const foundDrop = 3

const run = async ({
  options,
  positionals,
  output,
  environment,
}: Input<typeof traceOptions>): Promise<number> => {
  if (options.replay !== undefined) {
    refuseBesideReplay(Object.keys(options), positionals)
    return replayTraces(options.replay, output)
  }
  const [first, ...command] = positionals
  if (first === undefined)
    throw usageError('MISSING_ARGUMENT', 'Cannot run natspace trace', 'the name of the space is missing', [
      'natspace trace NAME --to HOST[:PORT]',
    ])
  const name = parseName(first, optionSite(['name']))
  const mode = modeOf(name, { ...options, command }, Object.keys(options))
  if (mode !== 'probe' || options.to === undefined)
    return runFollowing({ name, command, options, output, environment })
  const target = parseTarget(options.to)
  const timeout = parseTimeout(options.timeout)
  const sourcePort = parseSourcePort(options.sourcePort)
  if (options.payload !== undefined && target.protocol !== 'udp')
    throw usageError('CONFLICTING_OPTIONS', 'Cannot use --payload', 'only a UDP datagram carries one', [
      `natspace trace ${name} --to ${target.address}:PORT/udp --payload TEXT`,
    ])
  if (options.dryRun && options.save !== undefined)
    throw usageError('CONFLICTING_OPTIONS', 'Cannot use --save with --dry-run', 'nothing is observed', [
      'use --predict, which sends a probe too, or leave out --save',
    ])
  requirePrivilege('trace')
  const { kernel, paths } = openContext(environment)
  using _kernel = kernel
  const record = readSpaceRecord(kernel, paths, name)
  if (record === undefined) throw notFound(name, recordedNames(kernel, paths))
  const payload = options.payload === undefined ? undefined : new TextEncoder().encode(options.payload)
  const foreseen = {
    ...(sourcePort === undefined ? {} : { sourcePort }),
    ...(payload === undefined ? {} : { payloadLength: payload.length }),
  }
  if (options.dryRun) return printPrediction(kernel, record.space, target, foreseen, output)
  const signalled = noteSignals()
  using file = openTraceFile(kernel, options.save)
  const prediction = options.predict ? new ProbePrediction(kernel, record.space, target, foreseen) : undefined
  const seen = await observeProbe(kernel, record.space, target, {
    timeout,
    ...(sourcePort === undefined ? {} : { sourcePort }),
    ...(payload === undefined ? {} : { payload }),
    pause: async () => {
      await heedSignals()
      return signalled() !== undefined
    },
  })
  if (seen === undefined) return signalled() ?? 1
  const story = storyOf(seen)
  const predicted = prediction?.of(story)
  saving(() => {
    file?.write({
      type: 'flow',
      observation: seen,
      ...(predicted === undefined ? {} : { prediction: predicted }),
    })
    file?.finish()
  })
  if (predicted !== undefined) printCompared(predicted, story, output)
  else
    output.lines(
      output.json ? storyObjects(story).map(toJson) : storyLines(story, output.style, output.verbose),
    )
  await heedSignals()
  return signalled() ?? (story.end.outcome === 'dropped' || story.end.outcome === 'lost' ? foundDrop : 0)
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
  summary: 'tell the way of packets of a space, and where they ended',
  usage: [
    'NAME --to HOST[:PORT][/tcp|udp|icmp] [OPTION]...',
    'NAME [OPTION]... -- PROGRAM [ARGUMENT]...',
    'NAME --follow [OPTION]...',
    'NAME --from HOST[:PORT] [OPTION]...',
    'NAME --to HOST[:PORT] --dry-run [OPTION]...',
    '--replay FILE [-v|--json]',
  ],
  about: [
    'With --to a program in the space asks HOST, an address, one question: an ICMP echo, with a PORT the beginning of a TCP connection, with /udp a datagram. What happens to it and to the answer is told as the kernel tells it: how the packet looks in the space, at its cable and at the uplink; the routes; each chain of each firewall that did something, with its owner; each field that was changed. -v shows every chain that it passed.',
    'With a PROGRAM all flows of the space are followed while it runs there, as natspace exec would run it; its input and output are its own, and what is told comes to stdout as each flow ends. With --follow it goes on until Ctrl-C, and with --from HOST only the flows that HOST begins are told, by a published port or whatever else leads to the space, and what this host takes in its stead. A flow is one connection: its first packet and the first answer are told, once; and once more when its packets are dropped later. Its points are columns; = stands where nothing was changed since the point before, and the reply is to be read from the right.',
    'The end is one of: answered; refused, by the other side; delivered (it got there, or left this host, and no answer was seen in time); dropped, by a rule, a policy, a route or a setting, which is named; lost (it vanished, with what the kernel has to say about it).',
    'With --json each line is an object: type event, and the last one of a flow end, in which a refusal is an answer with refused true. Where flows are followed a snapshot comes first, each line of one has its number in flow, lost says that events were missed, and summary comes last. The output of a PROGRAM then goes to stderr.',
    '--predict tells beside it, step by step, what rules, routes and settings alone say: = where it happened so, ≠ where it did not, ? where nobody could know. --dry-run tells that alone and sends nothing; it ends with status 3 where something would stop the packet or its answer, and with 4 where it depends on something that cannot be known (a limit, a random number, a program): the rule is named, the part of it, and how it would end either way.',
    '--save keeps what was observed, --replay tells it again in the same words, here or elsewhere, for any user.',
    'Under heavy traffic packets of connections that stand are looked at only now and then, so that nothing is slowed down; how many were left out is said. What begins and ends connections is looked at up to 2,000 packets in a second.',
    'Exit status 3 when the probe, or a flow that was told, was dropped here or lost; else that of the PROGRAM; 130 after Ctrl-C. While it runs there is a table natspace-trace-PID in nftables, here and in the space, which changes nothing and goes with the process. Rules of iptables-legacy cannot be followed; that they are there is said.',
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
    {
      command: 'sudo natspace trace web -- curl -s https://192.0.2.1/',
      does: 'the flows of a program while it runs in the space',
    },
    {
      command: "sudo natspace trace web --follow --filter 'tcp port 443' --verdict drop,lost",
      does: 'what does not get through, until Ctrl-C',
    },
    { command: 'sudo natspace trace web --from 192.0.2.7', does: 'what becomes of a visitor' },
    {
      command: 'sudo natspace trace web --to 192.0.2.1:443 --dry-run',
      does: 'what would happen; nothing is sent',
    },
    {
      command: 'sudo natspace trace web --to 192.0.2.1:443 --predict',
      does: 'what should happen beside what does',
    },
    { command: 'sudo natspace trace web --to 192.0.2.1 --save way.trace', does: 'keep it' },
    { command: 'natspace trace --replay way.trace -v', does: 'and tell it again' },
  ],
  run,
})
