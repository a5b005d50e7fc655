import { readCounters } from '../../walk/drop-counters.ts'
import type { Facts } from '../facts.ts'
import { type CheckResult, type Finding, noFix, nothing, resultOf } from '../finding.ts'

/** Counters that grow where nothing else tells. To be looked at where no answer came. */

/** Packets with a wrong checksum, by protocol and place. */
export type Checksums = Readonly<Record<'inside' | 'host', number>>

const names = [
  'IpExt.InCsumErrors',
  'Icmp.InCsumErrors',
  'Tcp.InCsumErrors',
  'Udp.InCsumErrors',
  'Udp6.InCsumErrors',
  'Icmp6.InCsumErrors',
]

/** Throws SystemError, NamespaceError. */
export const readChecksums = (facts: Facts): Checksums => {
  const count = (where: string | undefined) => {
    const counters = readCounters(where)
    return names.reduce((sum, name) => sum + (counters.get(name) ?? 0), 0)
  }
  return { inside: count(facts.inside), host: count(undefined) }
}

/** What came with a wrong checksum while the probe was under way. */
export const checkChecksums = (facts: Facts, before: Checksums): CheckResult => {
  const after = readChecksums(facts)
  const { cable, subject } = facts
  return resultOf(
    (['inside', 'host'] as const).flatMap((at): Finding[] => {
      const by = after[at] - before[at]
      if (by <= 0) return []
      const link = at === 'inside' ? cable.host : cable.inner
      return [
        {
          code: 'LNK-CSUM',
          what: `${by === 1 ? 'a packet' : `${by} packets`} came ${at === 'inside' ? `into ${subject.name}` : 'to this host'} with a wrong checksum`,
          evidence: [`InCsumErrors +${by} ${at === 'inside' ? 'inside' : 'in this host'} during the probe`],
          fix:
            at === 'inside' && link !== undefined
              ? {
                  commands: [`ethtool -K ${link.name} tx off`],
                  undo: [`ethtool -K ${link.name} tx on`],
                }
              : noFix,
        },
      ]
    }),
  )
}

const threshold = 'net.ipv4.neigh.default.gc_thresh3'

/** All namespaces share one table, which the first one alone may look at. */
export const checkNeighbourTable = (facts: Facts): CheckResult => {
  const { kernel } = facts
  const most = Number(facts.sysctl(undefined, threshold) ?? 0)
  const row = (kernel.readFile('/proc/net/stat/arp_cache') ?? '').split('\n')[1]?.trim().split(/\s+/)
  const entries = Number.parseInt(row?.[0] ?? '0', 16)
  if (facts.destination.family === 6 || most === 0 || entries < most) return nothing
  return resultOf([
    {
      code: 'NGH-OVERFLOW',
      what: `the table of neighbours holds ${entries} entries, and has room for ${most}`,
      evidence: [`/proc/net/stat/arp_cache: entries ${entries}`, `${threshold} = ${most}`],
      fix: {
        commands: [`sysctl -w ${threshold}=${most * 4}`],
        undo: [`sysctl -w ${threshold}=${most}`],
      },
    },
  ])
}
