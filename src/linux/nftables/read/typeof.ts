import { DecodeError } from '../../netlink/codec.ts'
import { type CtKey, ctKeys } from '../expressions/ct.ts'
import { type FibFlag, type FibResult, fibFlags, fibResults } from '../expressions/fib.ts'
import { type MetaKey, metaKeys } from '../expressions/meta.ts'
import { type RtKey, rtKeys } from '../expressions/rt.ts'
import { ipv6Extensions, tcpOptions } from '../headers/extensions.ts'
import { type HeaderName, headerOf } from '../headers/headers.ts'
import type { Operand } from '../syntax/operand.ts'
import { entryNumber, readUserdata, type UserdataEntry } from '../userdata.ts'

/**
 * A set may be declared by example (`typeof ip saddr . tcp dport`). nft keeps the example in the set's user data: the
 * number of the kind of expression (entry 0), and what that kind needs (entry 1); headers and fields go by nft's own
 * numbers.
 */

/** nft's numbers for kinds of expressions. */
const kinds = { payload: 7, extension: 8, meta: 9, socket: 10, ct: 12, concat: 13, rt: 25, fib: 26 } as const

/** nft's numbers for headers, from 1; fields are numbered from 1 in the order of the header's table. */
const headerNumbers: readonly (HeaderName | undefined)[] = [
  undefined,
  'ah',
  'esp',
  'comp',
  'icmp',
  'igmp',
  'udp',
  'udplite',
  'tcp',
  'dccp',
  'sctp',
  'th',
  'ip',
  'ip6',
  'icmpv6',
  'arp',
  'vlan',
  'ether',
]

/** nft counts an older name of the bit `dei` too. */
const vlanFields: Readonly<Record<number, string>> = { 1: 'pcp', 2: 'dei', 3: 'dei', 4: 'id', 5: 'type' }

/** The example a key or value was declared by; undefined without one, or when a part of it is not known. */
export const readTypeof = (userdata: readonly UserdataEntry[], type: number): Operand[] | undefined => {
  const entry = userdata.find(candidate => candidate.type === type)
  if (entry === undefined) return undefined
  try {
    return readParts(readUserdata(entry.value))
  } catch (error) {
    // Another program's user data may look like nft's and be something else.
    if (error instanceof DecodeError) return undefined
    throw error
  }
}

const readParts = (entries: readonly UserdataEntry[]): Operand[] | undefined => {
  const data = entries.find(entry => entry.type === 1)?.value
  if (data === undefined || data.length === 0) return undefined
  if (entryNumber(entries, 0) !== kinds.concat) {
    const operand = readOperand(entryNumber(entries, 0), readUserdata(data))
    return operand && [operand]
  }
  const parts = readUserdata(data).map(({ value }) => {
    const part = readUserdata(value)
    const partData = part.find(entry => entry.type === 1)?.value
    return partData && readOperand(entryNumber(part, 0), readUserdata(partData))
  })
  return parts.every(part => part !== undefined) ? parts : undefined
}

const keyOf = <K extends string>(
  table: Readonly<Record<K, number>>,
  number: number | undefined,
): K | undefined => (Object.keys(table) as K[]).find(key => table[key] === number)

const readOperand = (kind: number | undefined, data: readonly UserdataEntry[]): Operand | undefined => {
  const number = entryNumber(data, 0)
  switch (kind) {
    case kinds.payload: {
      const header = headerNumbers[number ?? 0]
      const index = entryNumber(data, 1) ?? 0
      if (header === undefined) return undefined
      const field = header === 'vlan' ? vlanFields[index] : Object.keys(headerOf(header).fields)[index - 1]
      return field === undefined ? undefined : { kind: 'payload', header, field }
    }
    case kinds.meta: {
      const key = keyOf<MetaKey>(metaKeys, number)
      return key && { kind: 'meta', key }
    }
    case kinds.ct: {
      const key = keyOf<CtKey>(ctKeys, number)
      const direction = entryNumber(data, 1)
      if (key === undefined) return undefined
      if (direction !== 0 && direction !== 1) return { kind: 'ct', key }
      return { kind: 'ct', key, direction: direction === 1 ? 'reply' : 'original' }
    }
    case kinds.fib: {
      const result = keyOf<FibResult>(fibResults, number)
      const bits = entryNumber(data, 1) ?? 0
      const flags = (Object.keys(fibFlags) as FibFlag[]).filter(flag => bits & fibFlags[flag])
      return result && { kind: 'fib', flags, result }
    }
    case kinds.rt: {
      const key = keyOf<RtKey>(rtKeys, number)
      return key && { kind: 'rt', key }
    }
    case kinds.socket: {
      const key = (['transparent', 'mark', 'wildcard'] as const)[number ?? -1]
      return key && { kind: 'socket', key }
    }
    case kinds.extension:
      return readExtension(number, entryNumber(data, 1), entryNumber(data, 2))
    default:
      return undefined
  }
}

/** nft's numbers for IPv6 extension headers. */
const ipv6Numbers: Readonly<Record<number, string>> = {
  1: 'hbh',
  2: 'rt',
  5: 'srh',
  6: 'frag',
  7: 'dst',
  8: 'mh',
}
const tcpOptionOperation = 1

const readExtension = (
  number: number | undefined,
  index = 0,
  operation: number | undefined,
): Operand | undefined => {
  if (operation === tcpOptionOperation) {
    const found = Object.entries(tcpOptions).find(([, option]) => option.number === number)
    const field = found && Object.keys(found[1].fields)[index]
    return found && field ? { kind: 'extension', of: 'tcpopt', name: found[0], field } : undefined
  }
  if (operation !== undefined) return undefined
  const name = ipv6Numbers[number ?? 0]
  const field = name && Object.keys(ipv6Extensions[name]?.fields ?? {})[index - 1]
  return name && field ? { kind: 'extension', of: 'ipv6', name, field } : undefined
}
