import type { exthdrKinds } from '../expressions/exthdr.ts'

/**
 * Headers that may or may not be there, and have to be searched for: TCP options, IPv4 options, IPv6 extension headers
 * and SCTP chunks. `number` is the kind that the search looks for; fields are `[offset, length, datatype]` in bits from
 * the option's own start.
 */

export type ExtensionKind = keyof typeof exthdrKinds

export type Extension = {
  readonly kind: ExtensionKind
  readonly number: number
  readonly fields: Readonly<Record<string, readonly [number, number, string]>>
}

const option = {
  kind: [0, 8, 'integer'],
  length: [8, 8, 'integer'],
} as const

const sackBlocks = (name: string, count: number) => ({
  [`${name}left`]: [16 + count * 64, 32, 'integer'] as const,
  [`${name}right`]: [48 + count * 64, 32, 'integer'] as const,
})

/** IANA TCP option kinds. */
export const tcpOptions: Readonly<Record<string, Extension>> = {
  eol: { kind: 'tcpopt', number: 0, fields: { kind: option.kind } },
  nop: { kind: 'tcpopt', number: 1, fields: { kind: option.kind } },
  maxseg: { kind: 'tcpopt', number: 2, fields: { ...option, size: [16, 16, 'integer'] } },
  window: { kind: 'tcpopt', number: 3, fields: { ...option, count: [16, 8, 'integer'] } },
  'sack-perm': { kind: 'tcpopt', number: 4, fields: option },
  sack: { kind: 'tcpopt', number: 5, fields: { ...option, ...sackBlocks('', 0) } },
  timestamp: {
    kind: 'tcpopt',
    number: 8,
    fields: { ...option, tsval: [16, 32, 'integer'], tsecr: [48, 32, 'integer'] },
  },
  md5sig: { kind: 'tcpopt', number: 19, fields: option },
  mptcp: { kind: 'tcpopt', number: 30, fields: { ...option, subtype: [16, 4, 'integer'] } },
  fastopen: { kind: 'tcpopt', number: 34, fields: option },
}

/** RFC 791: the option's number includes the copy flag and class. */
export const ipOptions: Readonly<Record<string, Extension>> = {
  rr: {
    kind: 'ipv4',
    number: 7,
    fields: {
      type: [0, 8, 'integer'],
      length: [8, 8, 'integer'],
      ptr: [16, 8, 'integer'],
      addr: [24, 32, 'ipv4_addr'],
    },
  },
  lsrr: {
    kind: 'ipv4',
    number: 131,
    fields: {
      type: [0, 8, 'integer'],
      length: [8, 8, 'integer'],
      ptr: [16, 8, 'integer'],
      addr: [24, 32, 'ipv4_addr'],
    },
  },
  ssrr: {
    kind: 'ipv4',
    number: 137,
    fields: {
      type: [0, 8, 'integer'],
      length: [8, 8, 'integer'],
      ptr: [16, 8, 'integer'],
      addr: [24, 32, 'ipv4_addr'],
    },
  },
  ra: {
    kind: 'ipv4',
    number: 148,
    fields: { type: [0, 8, 'integer'], length: [8, 8, 'integer'], value: [16, 16, 'integer'] },
  },
}

/** RFC 8200 and RFC 6275: the number is that of the next header. */
export const ipv6Extensions: Readonly<Record<string, Extension>> = {
  hbh: { kind: 'ipv6', number: 0, fields: { nexthdr: [0, 8, 'inet_proto'], hdrlength: [8, 8, 'integer'] } },
  rt: {
    kind: 'ipv6',
    number: 43,
    fields: {
      nexthdr: [0, 8, 'inet_proto'],
      hdrlength: [8, 8, 'integer'],
      type: [16, 8, 'integer'],
      'seg-left': [24, 8, 'integer'],
    },
  },
  srh: {
    kind: 'ipv6',
    number: 43,
    fields: { 'last-entry': [32, 8, 'integer'], flags: [40, 8, 'integer'], tag: [48, 16, 'integer'] },
  },
  frag: {
    kind: 'ipv6',
    number: 44,
    fields: {
      nexthdr: [0, 8, 'inet_proto'],
      reserved: [8, 8, 'integer'],
      'frag-off': [16, 13, 'integer'],
      reserved2: [29, 2, 'integer'],
      'more-fragments': [31, 1, 'integer'],
      id: [32, 32, 'integer'],
    },
  },
  dst: { kind: 'ipv6', number: 60, fields: { nexthdr: [0, 8, 'inet_proto'], hdrlength: [8, 8, 'integer'] } },
  mh: {
    kind: 'ipv6',
    number: 135,
    fields: {
      nexthdr: [0, 8, 'inet_proto'],
      hdrlength: [8, 8, 'integer'],
      type: [16, 8, 'mh_type'],
      reserved: [24, 8, 'integer'],
      checksum: [32, 16, 'integer'],
    },
  },
}

/** RFC 9260 chunk types. */
export const sctpChunks: Readonly<Record<string, Extension>> = Object.fromEntries(
  Object.entries({
    data: 0,
    init: 1,
    'init-ack': 2,
    sack: 3,
    heartbeat: 4,
    'heartbeat-ack': 5,
    abort: 6,
    shutdown: 7,
    'shutdown-ack': 8,
    error: 9,
    'cookie-echo': 10,
    'cookie-ack': 11,
    ecne: 12,
    cwr: 13,
    'shutdown-complete': 14,
    'asconf-ack': 128,
    'forward-tsn': 192,
    asconf: 193,
  }).map(([name, number]) => [
    name,
    {
      kind: 'sctp' as const,
      number,
      fields: {
        type: [0, 8, 'integer'] as const,
        flags: [8, 8, 'integer'] as const,
        length: [16, 16, 'integer'] as const,
      },
    },
  ]),
)

/** The extensions of a kind, by nft's names. */
export const extensionsOf = (kind: ExtensionKind): Readonly<Record<string, Extension>> =>
  ({ tcpopt: tcpOptions, ipv4: ipOptions, ipv6: ipv6Extensions, sctp: sctpChunks, dccp: {} })[kind]
