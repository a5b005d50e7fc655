import { ownNamespacePath } from '../../../linux/sys/namespace.ts'
import { type Counters, readCounters } from '../../walk/drop-counters.ts'
import type { Facts } from '../facts.ts'
import { type CheckResult, type Finding, noFix, nothing, resultOf, together } from '../finding.ts'
import { type SizedAnswer, sendSizedEcho } from '../sized-echo.ts'
import { ipInside } from '../subject.ts'

/**
 * Theory of operation. Where small packets pass, echoes of the largest size that the cable carries are sent: one that may not
 * be split, and one that must be. Whoever cannot pass a packet on has to say so; a path on which large packets vanish without
 * a word makes connections hang as soon as they carry more than a few bytes. The largest size that passes is then searched.
 */
export const checkLarge = (facts: Facts): CheckResult => {
  const { cable, destination, router } = facts
  const { inner } = cable
  const own = facts.route(undefined, { destination: destination.address })
  const isOutside = own.found && own.type === 'unicast' && own.device?.index !== router?.index
  if (inner === undefined || destination.family === 6 || !isOutside) return nothing
  const began = performance.now()
  if (sendSizedEcho(facts.inside, destination.address, { ...small, patience: longest }) !== 'answered')
    return {
      fine: [],
      findings: [],
      unchecked: [`large packets: ${destination.address} answers no echo`],
    }
  const patience = Math.min(longest, Math.max(shortest, 10 * (performance.now() - began)))
  const send: Send = (size, mayBeSplit = false, path = facts.inside) =>
    sendSizedEcho(path, destination.address, { size, mayBeSplit, patience })
  const whole = checkWhole(facts, inner.mtu, send)
  return whole.findings.length > 0 ? whole : together([whole, checkSplit(facts, inner.mtu, send)])
}

const small = { size: 100, mayBeSplit: false } as const
/** Milliseconds that an answer has at most, and at least: an answer to a small echo takes a tenth of that. */
const longest = 500
const shortest = 150

type Send = (size: number, mayBeSplit?: boolean, path?: string) => SizedAnswer

/** Sizes of packets that tunnels and lines leave: PPPoE, GRE, OpenStack, WireGuard, IPsec, and the least of IPv6. */
const sizes = [1492, 1476, 1454, 1420, 1400, 1380, 1350, 1280, 1000, 576]
/** Below it is no way out of today: rather somebody who answers no large echoes at all. */
const plausible = 1200

const isLost = (send: () => SizedAnswer): boolean => send() === 'none' && send() === 'none'

const checkWhole = (facts: Facts, mtu: number, send: Send): CheckResult => {
  if (!isLost(() => send(mtu))) return resultOf([], `packets of ${mtu} bytes pass, or are refused by name`)
  const { address } = facts.destination
  // Some answer a few echoes, and then none for a while.
  if (send(small.size) !== 'answered')
    return { fine: [], findings: [], unchecked: [`large packets: ${address} answers not every echo`] }
  const passing = largestOf(
    sizes.filter(size => size < mtu),
    size => send(size) === 'answered',
  )
  const isOfHost = send(mtu, false, ownNamespacePath) === 'none'
  const { inner, host } = facts.cable
  return resultOf([
    {
      code: 'MTU-BLACKHOLE',
      ...(passing === undefined || passing < plausible ? { severity: 'notice' as const } : {}),
      what: `packets of ${mtu} bytes to ${address} vanish, and nobody says that they are too large`,
      evidence: [
        passing === undefined
          ? 'none of the sizes that were tried passes'
          : `an echo of ${passing} bytes is answered`,
        isOfHost ? 'those of this host itself vanish too' : 'those of this host itself are answered',
      ],
      fix:
        passing === undefined || inner === undefined || host === undefined
          ? noFix
          : {
              commands: [
                ipInside(facts.subject, `link set ${inner.name} mtu ${passing}`),
                `ip link set ${host.name} mtu ${passing}`,
              ],
              undo: [
                ipInside(facts.subject, `link set ${inner.name} mtu ${inner.mtu}`),
                `ip link set ${host.name} mtu ${host.mtu}`,
              ],
            },
    },
  ])
}

/** The largest size that passes, where none above one that does not pass does; sizes descend. */
const largestOf = (descending: readonly number[], passes: (size: number) => boolean): number | undefined => {
  let [first, last] = [0, descending.length]
  while (first < last) {
    const middle = (first + last) >>> 1
    if (passes(descending[middle] as number)) last = middle
    else first = middle + 1
  }
  return descending[first]
}

/** Fragments: those of datagrams that are larger than a packet, such as answers of name servers. */
const checkSplit = (facts: Facts, mtu: number, send: Send): CheckResult => {
  const before = reassembly(facts)
  const size = mtu + 600
  if (!isLost(() => send(size, true))) return resultOf([], `datagrams of ${size} bytes pass in fragments`)
  const failed = reassembly(facts).filter(({ count }, place) => count > (before[place]?.count ?? 0))
  const finding: Finding = {
    code: 'MTU-FRAG',
    ...(failed.length === 0 ? { severity: 'notice' as const } : {}),
    what: `datagrams of ${size} bytes to ${facts.destination.address} are lost: fragments do not pass`,
    evidence:
      failed.length === 0
        ? ['somebody on the way drops them']
        : [
            ...failed.map(({ at }) => `counter Ip.ReasmFails grew ${at}`),
            ...settings.map(key => `${key} = ${facts.sysctl(undefined, key) ?? 'missing'}`),
          ],
    fix: noFix,
  }
  return resultOf([finding])
}

const settings = ['net.ipv4.ipfrag_high_thresh', 'net.ipv4.ipfrag_time'] as const

const reassembly = (facts: Facts): { at: string; count: number }[] => {
  const countOf = (counters: Counters) => counters.get('Ip.ReasmFails') ?? 0
  return [
    { at: 'in this host', count: countOf(readCounters(undefined)) },
    { at: 'inside', count: countOf(readCounters(facts.inside)) },
  ]
}
