import { protocolName } from '../net/protocol.ts'
import type { Flow, FlowCounters } from './flow.ts'
import { hasStatus } from './status.ts'
import type { FlowTuple } from './tuple.ts'

const GRE = 47

/** Names that conntrack(8) knows beside those of `protocolName` (IANA). */
const otherNames: Record<number, string> = { 33: 'dccp', [GRE]: 'gre', 136: 'udplite' }

/** A flow as one line, as `conntrack -L` prints it: its protocol, timeout, state, both tuples, what became of it. */
export const flowText = (flow: Flow): string => {
  const { original, timeout, state, mark, zone, counters, use } = flow
  const name = protocolName(original.protocol) ?? otherNames[original.protocol] ?? 'unknown'
  return [
    `${name.padEnd(8)} ${original.protocol}`,
    ...(timeout === undefined ? [] : [timeout]),
    ...(state === undefined ? [] : [state]),
    ...tupleWords(original, 'orig'),
    ...counterWords(counters?.original),
    ...(hasStatus(flow, 'seenReply') ? [] : ['[UNREPLIED]']),
    ...tupleWords(flow.reply, 'reply'),
    ...counterWords(counters?.reply),
    ...badge(flow),
    `mark=${mark}`,
    ...(zone === 0 ? [] : [`zone=${zone}`]),
    ...(use === undefined ? [] : [`use=${use}`]),
  ].join(' ')
}

/** One direction, e.g. `src=10.0.0.1 dst=10.0.0.2 sport=1024 dport=53`. */
const tupleWords = (tuple: FlowTuple, direction: 'orig' | 'reply'): string[] => {
  const { source, destination, protocol, sourcePort, destinationPort, icmp, zone } = tuple
  const isGre = protocol === GRE
  return [
    `src=${source}`,
    `dst=${destination}`,
    ...(icmp === undefined ? [] : [`type=${icmp.type}`, `code=${icmp.code}`, `id=${icmp.id}`]),
    ...(sourcePort === undefined
      ? []
      : [isGre ? `srckey=0x${sourcePort.toString(16)}` : `sport=${sourcePort}`]),
    ...(destinationPort === undefined
      ? []
      : [isGre ? `dstkey=0x${destinationPort.toString(16)}` : `dport=${destinationPort}`]),
    ...(zone === undefined ? [] : [`zone-${direction}=${zone}`]),
  ]
}

const counterWords = (counters: FlowCounters | undefined): string[] =>
  counters === undefined ? [] : [`packets=${counters.packets}`, `bytes=${counters.bytes}`]

const badge = (flow: Flow): string[] => {
  if (hasStatus(flow, 'hardwareOffloaded')) return ['[HW_OFFLOAD]']
  if (hasStatus(flow, 'offloaded')) return ['[OFFLOAD]']
  return hasStatus(flow, 'assured') ? ['[ASSURED]'] : []
}
