import type { PacketHeader } from './packet-header.ts'

/** A field that was one thing and became another. */
export type HeaderChange = {
  field: 'source' | 'destination' | 'sourcePort' | 'destinationPort' | 'icmpId' | 'ttl' | 'dscp' | 'mark'
  before: string | number
  after: string | number
}

const fields = ['source', 'sourcePort', 'destination', 'destinationPort', 'icmpId', 'ttl', 'dscp'] as const

/** A packet at some point: its headers, and the mark that it has only in this host. */
export type Sight = { header: PacketHeader | undefined; mark: number }

/** What became different between two sights of one packet; what either does not know is left out. Pure. */
export const changesBetween = (before: Partial<Sight>, after: Sight): HeaderChange[] => {
  // Most sights of a packet are of the same headers.
  const changes = before.header === after.header ? [] : fieldChanges(before.header, after.header)
  return before.mark === undefined || before.mark === after.mark
    ? changes
    : [...changes, { field: 'mark', before: before.mark, after: after.mark }]
}

const fieldChanges = (before: PacketHeader | undefined, after: PacketHeader | undefined): HeaderChange[] =>
  fields.flatMap((field): HeaderChange[] => {
    const [old, now] = [before?.[field], after?.[field]]
    return old === undefined || now === undefined || old === now ? [] : [{ field, before: old, after: now }]
  })

/** The fields that only a translation changes. */
export const isTranslation = ({ field }: HeaderChange): boolean =>
  field !== 'ttl' && field !== 'dscp' && field !== 'mark'
