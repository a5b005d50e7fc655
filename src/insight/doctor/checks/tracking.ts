import { hasStatus } from '../../../linux/conntrack/index.ts'
import { PROTOCOL_NUMBER } from '../../../linux/net/protocol.ts'
import type { Facts } from '../facts.ts'
import { type CheckResult, type Finding, noFix, nothing, resultOf, together } from '../finding.ts'
import type { Inbound } from './inbound.ts'

/** The table of connections: is there room, does anything in it lead astray, does a protocol need more of it? */
export const checkTracking = (facts: Facts, inbound: Inbound | undefined): CheckResult =>
  together([checkRoom(facts), checkOffloaded(facts), checkHelper(facts, inbound)])

const settings = {
  count: 'net.netfilter.nf_conntrack_count',
  most: 'net.netfilter.nf_conntrack_max',
} as const

const checkRoom = (facts: Facts): CheckResult => {
  const [count, most] = [settings.count, settings.most].map(key => Number(facts.sysctl(undefined, key) ?? 0))
  if (count === undefined || most === undefined || most === 0 || count < most) return nothing
  return resultOf([
    {
      code: 'CT-FULL',
      what: `connection tracking knows ${count} connections, and has room for ${most}`,
      evidence: [`${settings.count} = ${count}`, `${settings.most} = ${most}`, ...mostOf(facts)],
      fix: {
        commands: [`sysctl -w ${settings.most}=${most * 2}`],
        undo: [`sysctl -w ${settings.most}=${most}`],
      },
    },
  ])
}

/** Sources with the most connections. */
const mostOf = ({ kernel }: Facts): string[] => {
  const counts = new Map<string, number>()
  for (const { original } of kernel.flows(undefined))
    counts.set(original.source, (counts.get(original.source) ?? 0) + 1)
  return [...counts]
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, 3)
    .map(([source, number]) => `${number} of ${source}`)
}

/** Connections that a flowtable carries pass no routing decision: with a source that is gone nothing comes back to them. */
const checkOffloaded = (facts: Facts): CheckResult => {
  const { source, destination } = facts
  if (source === undefined) return nothing
  const flows = facts.kernel
    .flows(undefined, { family: destination.family, originalSource: source })
    .filter(flow => hasStatus(flow, 'offloaded') || hasStatus(flow, 'hardwareOffloaded'))
  if (flows.length === 0) return nothing
  const known = new Set(
    facts
      .links(undefined)
      .flatMap(link => facts.addressesOf(undefined, link))
      .map(({ address }) => address),
  )
  const stale = flows.filter(({ reply }) => reply.destination !== source && !known.has(reply.destination))
  return resultOf(
    stale.slice(0, 1).map(
      ({ original, reply }): Finding => ({
        code: 'CT-FLOWOFFLOAD',
        what: `a connection to ${original.destination} goes on with the source ${reply.destination}, which no link of this host has any more`,
        evidence: stale
          .slice(0, 4)
          .map(
            flow =>
              `${flow.original.source} to ${flow.original.destination}: OFFLOAD, answers to ${flow.reply.destination}`,
          ),
        fix: { commands: [`conntrack -D -s ${source}`], undo: [] },
      }),
    ),
  )
}

/** Protocols that name addresses and ports within their data, by port. */
const talkative: Readonly<Record<string, string>> = {
  'tcp 21': 'FTP',
  'udp 69': 'TFTP',
  'tcp 1720': 'H.323',
  'tcp 1723': 'PPTP',
  'udp 5060': 'SIP',
  'tcp 5060': 'SIP',
  'tcp 6667': 'IRC',
}

const checkHelper = (facts: Facts, inbound: Inbound | undefined): CheckResult => {
  const { destination } = facts
  const asked =
    inbound ?? (destination.port === undefined ? undefined : { ...destination, port: destination.port })
  const name = asked && talkative[`${asked.protocol} ${asked.port}`]
  if (asked === undefined || name === undefined) return nothing
  const assigns = facts
    .ruleset(undefined)
    .tables.some(({ objects }) => objects.some(({ type }) => type === 'ct helper'))
  if (assigns || facts.sysctl(undefined, 'net.netfilter.nf_conntrack_helper') === '1') return nothing
  return resultOf([
    {
      code: 'CT-HELPER',
      what: `${name} (port ${asked.port}) names further addresses and ports, and no helper of connection tracking reads them`,
      evidence: ['no object "ct helper" in any table'],
      fix: noFix,
    },
  ])
}

/** Counters of connection tracking: /proc/net/stat/nf_conntrack, a line of hexadecimal numbers for each processor. */
export type TrackingCounters = { insertFailed: number; drop: number }

/** Pure. */
export const parseTrackingCounters = (text: string): TrackingCounters => {
  const [names = [], ...rows] = text
    .trim()
    .split('\n')
    .map(line => line.trim().split(/\s+/))
  const sum = (name: string): number => {
    const column = names.indexOf(name)
    return column < 0 ? 0 : rows.reduce((total, row) => total + Number.parseInt(row[column] ?? '0', 16), 0)
  }
  return { insertFailed: sum('insert_failed'), drop: sum('drop') }
}

/** Those of this host; zeroes where the kernel does not tell. */
export const readTrackingCounters = ({ kernel }: Facts): TrackingCounters =>
  parseTrackingCounters(kernel.readFile('/proc/thread-self/net/stat/nf_conntrack') ?? '')

/** What grew while the probe was under way: a translation that found no free port. */
export const checkPortsLeft = (facts: Facts, before: TrackingCounters): CheckResult => {
  const after = readTrackingCounters(facts)
  const failed = after.insertFailed - before.insertFailed
  if (failed <= 0) return nothing
  const { destination, source } = facts
  const alike = facts.kernel
    .flows(undefined, {
      family: destination.family,
      ...(destination.protocol === 'icmp' ? {} : { protocol: PROTOCOL_NUMBER[destination.protocol] }),
      replySource: destination.address,
    })
    .filter(
      ({ original, reply }) =>
        reply.destination !== original.source &&
        (destination.port === undefined || reply.sourcePort === destination.port),
    )
  return resultOf([
    {
      code: 'NAT-PORTS',
      what: `the translation of ${source} found no free port for ${destination.address}${destination.port === undefined ? '' : `:${destination.port}`}`,
      evidence: [
        `insert_failed +${failed} during the probe`,
        `${alike.length} translated ${alike.length === 1 ? 'flow' : 'flows'} to that destination`,
        ...alike.slice(0, 3).map(({ reply }) => `taken: ${reply.destination}:${reply.destinationPort}`),
      ],
      fix: noFix,
    },
  ])
}
