/** Traced packets as we see them and as `nft monitor trace` prints them, in forms that can be compared. */
import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, statSync } from 'node:fs'
import type { HeaderChange } from '../../src/insight/walk/header-change.ts'
import type { TracedPacket } from '../../src/insight/walk/steps.ts'
import { type TraceEvent, type TraceStep, TraceWatcher } from '../../src/insight/walk/trace-events.ts'
import { TraceTable } from '../../src/insight/walk/trace-table.ts'
import type { TracedFlow } from '../../src/insight/walk/traced-flow.ts'
import type { Kernel } from '../../src/linux/kernel.ts'
import { until } from './walk-stage.ts'

/** How many sockets of this namespace follow traced packets: bit 9 of the groups, NFNLGRP_NFTRACE. */
const followers = (): number =>
  readFileSync('/proc/thread-self/net/netlink', 'utf8')
    .split('\n')
    .map(line => line.trim().split(/\s+/))
    .filter(([, protocol, , groups]) => protocol === '12' && Number.parseInt(groups ?? '0', 16) & 0x100)
    .length

/** What `nft monitor trace` prints while `action` runs. */
export const monitored = (action: () => void): string => {
  const file = '/run/walk-monitor'
  const output = openSync(file, 'w')
  const before = followers()
  const monitor = spawn('nft', ['monitor', 'trace'], { stdio: ['ignore', output, output] })
  try {
    until('nft monitor', () => followers() > before)
    action()
    // It prints at once what it reads: nothing more comes when the file has stopped growing.
    let size = -1
    until('the end of its output', () => {
      Bun.sleepSync(50)
      const same = size === statSync(file).size
      size = statSync(file).size
      return same
    })
  } finally {
    monitor.kill('SIGKILL')
    closeSync(output)
  }
  return readFileSync(file, 'utf8')
}

export type Traced = { events: TraceEvent[]; monitor: string }

/** Traces flows in a namespace while `action` runs; in this one with nft beside it. */
export const traceBesideNft = (
  kernel: Kernel,
  flows: readonly TracedFlow[],
  action: () => void,
  options: { byConnection?: boolean } = {},
): Traced => {
  using watcher = TraceWatcher.open(kernel, undefined)
  using _table = TraceTable.open(kernel, undefined, { flows, ...options })
  const monitor = monitored(action)
  return { events: watcher.read(), monitor }
}
/** Steps in nft's words: the packet's number, table and chain, the rule without its counter and the verdict. */
export const linesOf = (events: readonly TraceEvent[]): string[] =>
  stepsOf(events)
    .filter(({ isOwn, kind }) => !isOwn && kind !== 'end')
    .map(({ id, family, table, chain, kind, rule, verdict, mark }) => {
      const said = `${verdict.name}${verdict.chain === undefined ? '' : ` ${verdict.chain}`}`
      // nft tells the mark in the line of a policy.
      const end = mark === 0 ? '' : ` meta mark 0x${mark.toString(16).padStart(8, '0')}`
      const what = kind === 'policy' ? `policy ${said}${end}` : `rule ${rule?.text} (verdict ${said})`
      return `trace id ${id.toString(16).padStart(8, '0')} ${family} ${table} ${chain} ${what}`
    })
/** What nft printed of the same kind, without what it says of our own table. */
export const nftLines = (text: string): string[] =>
  text
    .split('\n')
    .filter(line => / (rule|policy) /.test(line) && !line.includes(' natspace-trace-'))
    .map(line => line.replace(/ counter packets \d+ bytes \d+/, '').trim())

/** The same of packets that were put together, by the packet's number: rules that applied, and policies. */
export const linesById = (packets: readonly TracedPacket[]): Map<string, string[]> =>
  new Map(
    packets.map(({ id, hooks }) => [
      id.toString(16).padStart(8, '0'),
      hooks.flatMap(({ visits }) =>
        visits.flatMap(({ family, table, chain, rules, decidedBy, verdict }) => [
          ...rules.map(item => {
            const said = [
              item.verdict.name,
              ...(item.verdict.chain === undefined ? [] : [item.verdict.chain]),
            ]
            return `${family} ${table} ${item.chain} rule ${item.rule?.text} (verdict ${said.join(' ')})`
          }),
          ...(decidedBy === 'policy' ? [`${family} ${table} ${chain} policy ${verdict}`] : []),
        ]),
      ),
    ]),
  )

/** What nft printed, by the packet's number. */
export const nftLinesById = (text: string): Map<string, string[]> => {
  const found = new Map<string, string[]>()
  for (const line of nftLines(text)) {
    const [, id = '', rest = ''] = /^trace id (\w+) (.*)$/.exec(line) ?? []
    found.set(id, [...(found.get(id) ?? []), rest])
  }
  return found
}

const stepsOf = (events: readonly TraceEvent[]): TraceStep[] =>
  events.map(event => {
    if (event.type === 'lost') throw new Error('events were lost')
    return event
  })
/** `source 10.0.0.1 -> 10.0.0.2` */
export const changeText = ({ field, before, after }: HeaderChange) => `${field} ${before} -> ${after}`
/** A packet's way as lines: hooks, their base chains with the rules that applied, what changed, and the end. */
export const summary = ({ hooks, end }: TracedPacket): string[] => [
  ...hooks.flatMap(({ hook, visits, changes, changesBefore }) => {
    const behindVisit = (index: number) => changes.filter(({ behind }) => behind === index).map(changeText)
    return [
      ...changesBefore.map(changeText),
      `${hook}:`,
      ...behindVisit(-1),
      ...visits.flatMap((visit, index) => [
        `${visit.stage} ${visit.table}: ${visit.rules.map(({ rule }) => rule?.text).join('; ')} -> ${visit.verdict}`,
        ...behindVisit(index),
      ]),
    ]
  }),
  end.type,
]
