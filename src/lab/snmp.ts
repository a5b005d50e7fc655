import { readSmallFile } from '../linux/sys/files.ts'
import { insideNamespace } from '../linux/sys/namespace.ts'
import { type Place, withNamespace } from './places.ts'

/** Counters of IPv4 by their names in the kernel's tables (RFC 4293 and more): 'InAddrErrors', 'InNoRoutes'. */
export type IpCounters = ReadonlyMap<string, number>

/** Reads the pairs of lines, one with names and one with values, of `Ip:` and `IpExt:`. Unknown text gives no counters. */
export const parseSnmp = (text: string): IpCounters => {
  const lines = text.split('\n').map(line => line.split(' '))
  const pairs = ['Ip:', 'IpExt:'].flatMap(table => {
    const [names = [], values = []] = lines.filter(([first]) => first === table)
    return names.map((name, index): [string, number] => [name, Number(values[index])]).slice(1)
  })
  return new Map(pairs)
}

/** The counters of a place's namespace. Throws SystemError. Equivalent to: `nstat -asz 'Ip*'` there */
export const readIpCounters = (place: Place): IpCounters =>
  withNamespace(place, namespace =>
    parseSnmp(
      insideNamespace(namespace, () =>
        ['snmp', 'netstat'].map(table => readSmallFile(`/proc/thread-self/net/${table}`)).join('\n'),
      ),
    ),
  )
