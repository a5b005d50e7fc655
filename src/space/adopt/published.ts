import { PROTOCOL_NUMBER } from '../../linux/net/protocol.ts'
import { evaluateHook, type RuleRef } from '../../linux/nftables/evaluate/index.ts'
import type { PortRange, Publish } from '../spec/types.ts'
import { candidatePorts } from './candidate-ports.ts'
import { firstPacket, type HostView, type Protocol, protocols, stranger } from './host-rules.ts'
import { sameRef } from './outbound.ts'
import { refText } from './rule-text.ts'
import type { AdoptFinding } from './types.ts'

/** Ports of the host that lead into the namespace, and the rules that do it. */
export type Published = { publish: Publish[]; rules: RuleRef[]; findings: AdoptFinding[] }

/** What becomes of a port: where it leads, inside. `kept`: a range of ports keeps its numbers. */
type Lead = { to: number | 'kept'; by: RuleRef }

/** Ports of which all fare the same. */
type Run = PortRange & { lead: Lead }

type Asked = { runs: Run[]; unclear: RuleRef[] }

/**
 * Asks the rules about every port that may lead into the namespace, for each address of this host: what holds for all of
 * them, and for an address that only this host itself would name, is published on every address.
 */
export const findPublished = (view: HostView, uplink: string | undefined): Published => {
  const ports = candidatePorts(view.ruleset.tables, view.cable.address)
  const entry = view.ways.find(({ name }) => name === uplink) ?? view.way
  const publish: Publish[] = []
  const rules: RuleRef[] = []
  const unclear: RuleRef[] = []
  let hasTransit = false
  for (const protocol of protocols) {
    const ask = (hook: 'prerouting' | 'output', destination: string): Asked =>
      askPorts(view, ports, {
        protocol,
        hook,
        destination,
        entry: entry && { name: entry.name, index: entry.index },
      })
    // The host end of the cable is an address of this host that nobody outside means.
    const anyLocal = ask('prerouting', view.cable.gateway)
    const byAddress = new Map(view.addresses.map(address => [address, ask('prerouting', address)]))
    byAddress.set('127.0.0.1', ask('output', '127.0.0.1'))
    hasTransit ||= ask('prerouting', stranger.other).runs.length > 0
    for (const { runs, unclear: more } of [anyLocal, ...byAddress.values()]) {
      rules.push(...runs.map(({ lead }) => lead.by))
      unclear.push(...more)
    }
    const isEverywhere = (run: Run) => anyLocal.runs.some(other => same(run, other))
    for (const run of merged(anyLocal.runs)) publish.push(publishOf(protocol, run))
    for (const [address, { runs }] of byAddress)
      for (const run of merged(runs.filter(item => !isEverywhere(item))))
        publish.push({ ...publishOf(protocol, run), hostAddress: address })
  }
  const clear = distinct(rules)
  return {
    publish,
    rules: clear,
    findings: [
      ...(hasTransit ? [transitFinding] : []),
      ...(unclear.length === 0 ? [] : [unclearFinding(view, distinct(unclear))]),
    ],
  }
}

type Question = {
  protocol: Protocol
  hook: 'prerouting' | 'output'
  destination: string
  entry: { name: string; index: number } | undefined
}

/** Runs of ports that lead inside. */
const askPorts = (view: HostView, ports: readonly number[], question: Question): Asked => {
  const runs: Run[] = []
  const unclear: RuleRef[] = []
  const starts = [...new Set([1, ...ports.flatMap(port => [port, port + 1])])]
    .filter(port => port <= 65_535)
    .sort((one, other) => one - other)
  for (const [index, first] of starts.entries()) {
    const last = (starts[index + 1] ?? 65_536) - 1
    const answer = askPort(view, first, question)
    if (answer === undefined) continue
    if ('unclear' in answer) unclear.push(...answer.unclear)
    // Many ports that lead to one are more than a spec can say.
    else if (answer.to !== 'kept' && last > first) unclear.push(answer.by)
    else runs.push({ first, last, lead: answer })
  }
  // What a rule does with some of its ports cannot be told, so neither can what it is for.
  return { runs: runs.filter(({ lead }) => !unclear.some(ref => sameRef(ref, lead.by))), unclear }
}

/** Where one port leads: undefined where not inside. */
const askPort = (
  view: HostView,
  port: number,
  { protocol, hook, destination, entry }: Question,
): Lead | { unclear: RuleRef[] } | undefined => {
  const packet = firstPacket(view, {
    destination,
    destinationPort: port,
    sourcePort: 40_000,
    protocol: PROTOCOL_NUMBER[protocol],
    ...(hook === 'output'
      ? { source: '127.0.0.1', oifname: 'lo', oif: 1 }
      : {
          source: stranger.outside,
          ...(entry === undefined ? {} : { iifname: entry.name, iif: entry.index }),
        }),
  })
  const { nat, translations } = evaluateHook(view.ruleset, { hook, types: ['nat'] }, packet)
  const inside = translations.filter(({ kind, address }) => kind === 'dnat' && address === view.cable.address)
  if (inside.length === 0) return undefined
  const { address } = view.cable
  if (nat === undefined || nat.address !== address || nat.ports !== undefined)
    return { unclear: inside.map(({ by }) => by) }
  return { to: nat.port ?? 'kept', by: nat.by }
}

const same = (one: Run, other: Run): boolean =>
  one.first === other.first && one.last === other.last && one.lead.to === other.lead.to

/** Neighbours that go on as they began become one range. */
const merged = (runs: readonly Run[]): Run[] => {
  const all: Run[] = []
  for (const run of runs) {
    const before = all.at(-1)
    const follows = before !== undefined && before.last + 1 === run.first && shiftOf(before) === shiftOf(run)
    if (follows) before.last = run.last
    else all.push({ ...run })
  }
  return all
}

const shiftOf = ({ first, lead }: Run): number => (lead.to === 'kept' ? 0 : lead.to - first)

const publishOf = (protocol: Protocol, run: Run): Publish => ({
  protocol,
  hostPort: { first: run.first, last: run.last },
  port: { first: run.first + shiftOf(run), last: run.last + shiftOf(run) },
})

const distinct = (refs: readonly RuleRef[]): RuleRef[] =>
  refs.filter((ref, index) => refs.findIndex(other => sameRef(ref, other)) === index)

const transitFinding: AdoptFinding = {
  code: 'ADOPT_PORT',
  severity: 'notice',
  what: 'published ports are led inside whatever address they are asked at, also that of another host',
  why: 'the rules do not ask whether a packet is for this host; natspace leads only those that are',
  evidence: [],
  fix: [],
}

const unclearFinding = (view: HostView, refs: readonly RuleRef[]): AdoptFinding => ({
  code: 'ADOPT_PORT',
  severity: 'warning',
  what: 'some ports lead inside in a way that a spec cannot say',
  why: 'the rules depend on who asks, lead many ports to one, or choose from several; they stay, and go on working',
  evidence: refs.map(ref => refText(view, ref)),
  fix: [],
})
