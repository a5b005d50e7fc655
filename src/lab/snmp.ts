import { readSmallFile } from '../linux/sys/files.ts'
import { insideNamespace } from '../linux/sys/namespace.ts'
import { type Place, withNamespace } from './places.ts'

/** Counters of IPv4 by their names in /proc/net/snmp (RFC 4293): 'InAddrErrors', 'ForwDatagrams'. */
export type IpCounters = ReadonlyMap<string, number>

/** Reads the `Ip:` pair of lines: one with names, one with values. Unknown text gives no counters. */
export const parseSnmp = (text: string): IpCounters => {
  const [names = [], values = []] = text
    .split('\n')
    .filter(line => line.startsWith('Ip: '))
    .map(line => line.split(' ').slice(1))
  return new Map(names.map((name, index) => [name, Number(values[index])]))
}

/** The counters of a place's namespace. Throws SystemError. Equivalent to: `nstat -asz 'Ip*'` there */
export const readIpCounters = (place: Place): IpCounters =>
  withNamespace(place, namespace =>
    parseSnmp(insideNamespace(namespace, () => readSmallFile('/proc/thread-self/net/snmp'))),
  )
