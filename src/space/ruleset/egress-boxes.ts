import { bigIntToIp, type IpFamily } from '../../linux/net/ip.ts'
import type { PortRange } from '../../linux/net/port.ts'
import { prefixRange } from '../../linux/net/prefix.ts'
import { PROTOCOL_NUMBER } from '../../linux/net/protocol.ts'
import type { KeyField } from '../../linux/nftables/index.ts'
import type { Egress } from '../spec/types.ts'

/**
 * Theory of operation. An egress entry is a box in the space of addresses, protocols and ports. The kernel's set of
 * concatenated intervals refuses boxes that overlap, and a person's list is full of them (10.0.0.0/8 and
 * 10.1.0.0/16:53/udp). So the axes are cut at every border, each slice of addresses gets the ports that any of its boxes
 * allows, protocol by protocol, and neighbouring slices that came out the same are put together again.
 */

type Interval<T> = { first: T; last: T }
type Box = { address: Interval<bigint>; protocol: PortRange; port: PortRange }
type Slice = { protocol: PortRange; ports: PortRange[] }

const everyPort: PortRange = { first: 0, last: 65535 }
const everyProtocol: PortRange = { first: 0, last: 255 }
const withPorts = ['tcp', 'udp', 'sctp'] as const

/** Disjoint keys `address . protocol . port` that allow exactly what the entries allow, for one family. */
export const egressKeys = (entries: readonly Egress[], family: IpFamily): KeyField[][] => {
  const boxes = entries.flatMap(entry => boxesOf(entry, family))
  const slices = mergeEqual(
    cut(
      boxes.map(box => box.address),
      1n,
    ).map(address => ({
      address,
      slices: protocolSlices(boxes.filter(box => contains(box.address, address))),
    })),
  )
  return slices.flatMap(({ address, slices: inside }) =>
    inside.flatMap(({ protocol, ports }) =>
      ports.map((port): KeyField[] => [addressRange(address, family), { ...protocol }, { ...port }]),
    ),
  )
}

const addressRange = ({ first, last }: Interval<bigint>, family: IpFamily): KeyField => ({
  first: bigIntToIp(first, family) as string,
  last: bigIntToIp(last, family) as string,
})

const boxesOf = ({ network, protocol, port }: Egress, family: IpFamily): Box[] => {
  const range = prefixRange(network ?? (family === 4 ? '0.0.0.0/0' : '::/0'))
  if (range === undefined || range.family !== family) return []
  return protocolRanges(protocol, port !== undefined, family).map(numbers => ({
    address: { first: range.first, last: range.last },
    protocol: numbers,
    port: port ?? everyPort,
  }))
}

const protocolRanges = (protocol: Egress['protocol'], hasPort: boolean, family: IpFamily): PortRange[] => {
  const only = (number: number): PortRange => ({ first: number, last: number })
  if (protocol === 'icmp') return [only(PROTOCOL_NUMBER[family === 4 ? 'icmp' : 'icmpv6'])]
  if (protocol !== undefined) return [only(PROTOCOL_NUMBER[protocol])]
  return hasPort ? withPorts.map(name => only(PROTOCOL_NUMBER[name])) : [everyProtocol]
}

const protocolSlices = (boxes: readonly Box[]): Slice[] => {
  const slices = cut(
    boxes.map(box => box.protocol),
    1,
  ).map(protocol => ({
    protocol,
    ports: union(boxes.filter(box => contains(box.protocol, protocol)).map(box => box.port)),
  }))
  const merged: Slice[] = []
  for (const slice of slices) {
    const previous = merged.at(-1)
    const continues =
      previous?.protocol.last === slice.protocol.first - 1 && textOf(previous.ports) === textOf(slice.ports)
    if (continues && previous)
      previous.protocol = { first: previous.protocol.first, last: slice.protocol.last }
    else merged.push(slice)
  }
  return merged
}

/** Sorted, disjoint ranges with the same union. */
const union = (ranges: readonly PortRange[]): PortRange[] => {
  const merged: PortRange[] = []
  for (const range of ranges.toSorted((a, b) => a.first - b.first)) {
    const previous = merged.at(-1)
    if (previous === undefined || range.first > previous.last + 1) merged.push({ ...range })
    else previous.last = Math.max(previous.last, range.last)
  }
  return merged
}

/** The parts into which the borders of all intervals cut their union. */
const cut = <T extends number | bigint>(intervals: readonly Interval<T>[], one: T): Interval<T>[] => {
  const add = (value: T, step: T): T => ((value as bigint) + (step as bigint)) as unknown as T
  const less = (value: T, step: T): T => ((value as bigint) - (step as bigint)) as unknown as T
  const starts = [...new Set(intervals.flatMap(({ first, last }) => [first, add(last, one)]))].sort((a, b) =>
    a < b ? -1 : a > b ? 1 : 0,
  )
  return starts.slice(0, -1).flatMap((first, index) => {
    const part = { first, last: less(starts[index + 1] as T, one) }
    return intervals.some(interval => contains(interval, part)) ? [part] : []
  })
}

const contains = <T extends number | bigint>(outer: Interval<T>, inner: Interval<T>): boolean =>
  outer.first <= inner.first && inner.last <= outer.last

const mergeEqual = <T extends { address: Interval<bigint>; slices: Slice[] }>(parts: readonly T[]): T[] => {
  const merged: T[] = []
  for (const part of parts) {
    const previous = merged.at(-1)
    const continues =
      previous?.address.last === part.address.first - 1n && textOf(previous.slices) === textOf(part.slices)
    if (continues && previous) previous.address = { first: previous.address.first, last: part.address.last }
    else merged.push(part)
  }
  return merged
}

const textOf = (value: unknown): string => JSON.stringify(value)
