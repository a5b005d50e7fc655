import type { Where } from '../../linux/change.ts'
import { errno, SystemError } from '../../linux/sys/errno.ts'
import { readSmallFile } from '../../linux/sys/files.ts'
import { insideNamespace, openNamespace } from '../../linux/sys/namespace.ts'

/**
 * The kernel's counters of packets that it did not pass on, for who may not ask for the reason of each one. They are of a
 * whole namespace, so a difference is evidence only as far as nothing else was under way.
 */

/** Counters by table and name: 'IpExt.InNoRoutes', 'Ip6.InNoRoutes'. */
export type Counters = ReadonlyMap<string, number>

/** Those that tell of dropped packets or of a way that they take, and what each means. RFC 4293, RFC 4113 and Linux. */
export const counterMeanings: Readonly<Record<string, string>> = {
  'Ip.ForwDatagrams': 'forwarded',
  'Ip.InHdrErrors': 'a wrong header, or a TTL that ran out',
  'Ip.InAddrErrors': 'a destination that is not of this host, which does not forward; or one that cannot be',
  'Ip.InDiscards': 'discarded on the way in',
  'Ip.InUnknownProtos': 'nobody here speaks its protocol',
  'Ip.OutDiscards': 'discarded on the way out',
  'Ip.OutNoRoutes': 'no route for what this host sends',
  'Ip.FragFails': 'too large for the next link, and not to be split',
  'IpExt.InNoRoutes': 'no route for what came in',
  'IpExt.InTruncatedPkts': 'shorter than it says',
  'IpExt.InCsumErrors': 'a wrong checksum',
  'TcpExt.IPReversePathFilter': 'the reverse path filter: answers would go another way than it came',
  'TcpExt.ListenDrops': 'a connection that a listener had no room for',
  'TcpExt.ListenOverflows': 'a listener whose queue is full',
  'Udp.NoPorts': 'nobody listens at the port',
  'Udp.RcvbufErrors': 'a full buffer of the receiver',
  'Ip6.OutForwDatagrams': 'forwarded',
  'Ip6.InHdrErrors': 'a wrong header, or a hop limit that ran out',
  'Ip6.InTooBigErrors': 'too large for the next link',
  'Ip6.InNoRoutes': 'no route for what came in',
  'Ip6.InAddrErrors': 'a destination that is not of this host, which does not forward; or one that cannot be',
  'Ip6.InDiscards': 'discarded on the way in',
  'Ip6.OutDiscards': 'discarded on the way out',
  'Ip6.OutNoRoutes': 'no route for what this host sends',
  'Udp6.NoPorts': 'nobody listens at the port',
}

/** Pairs of lines, names and values behind the table's name: /proc/net/snmp and /proc/net/netstat. */
const pairsOf = (text: string): [string, number][] => {
  const lines = text.split('\n').map(line => line.split(' '))
  return lines.flatMap(([table = '', ...names], index) => {
    const [next, ...values] = lines[index + 1] ?? []
    if (index % 2 === 1 || next !== table) return []
    return names.map((name, place): [string, number] => [
      `${table.replace(/:$/, '')}.${name}`,
      Number(values[place]),
    ])
  })
}

/** One counter a line: /proc/net/snmp6. */
const linesOf = (text: string): [string, number][] =>
  text.split('\n').flatMap((line): [string, number][] => {
    const [, table, name, value] = /^([A-Z][a-z]+6)(\w+)\s+(\d+)$/.exec(line) ?? []
    return value === undefined ? [] : [[`${table}.${name}`, Number(value)]]
  })

/** The text of the three tables as counters; what is not understood is left out. Pure. */
export const parseCounters = (tables: { snmp: string; netstat: string; snmp6: string }): Counters =>
  new Map([...pairsOf(tables.snmp), ...pairsOf(tables.netstat), ...linesOf(tables.snmp6)])

/** The counters of a namespace. Throws SystemError, NamespaceError. Equivalent to: `nstat -asz` there */
export const readCounters = (where: Where): Counters => {
  const read = () => parseCounters({ snmp: table('snmp'), netstat: table('netstat'), snmp6: table('snmp6') })
  if (where === undefined) return read()
  using namespace = openNamespace(where)
  return insideNamespace(namespace.number, read)
}

const table = (name: string): string => {
  try {
    return readSmallFile(`/proc/thread-self/net/${name}`)
  } catch (error) {
    // A kernel without IPv6 has no table of it.
    if (error instanceof SystemError && error.errno === errno.ENOENT) return ''
    throw error
  }
}

/** A counter that grew, and what that means. */
export type CounterEvidence = { counter: string; by: number; meaning: string }

/** What grew between two readings, of the counters with a meaning. Pure. */
export const counterEvidence = (before: Counters, after: Counters): CounterEvidence[] =>
  Object.entries(counterMeanings).flatMap(([counter, meaning]) => {
    const by = (after.get(counter) ?? 0) - (before.get(counter) ?? 0)
    return by > 0 ? [{ counter, by, meaning }] : []
  })
