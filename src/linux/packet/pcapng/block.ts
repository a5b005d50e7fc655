/** Numbers of the pcapng format (draft-ietf-opsawg-pcapng) that are written and read here. */

export const blockTypes = {
  section: 0x0a0d0d0a,
  interface: 1,
  interfaceStatistics: 5,
  enhancedPacket: 6,
} as const

/** Written at the start of a section in the byte order of its writer. */
export const byteOrderMagic = 0x1a2b3c4d

/** LINKTYPE_ETHERNET and LINKTYPE_RAW (packets that begin with an IP header). */
export const linkTypes = { ethernet: 1, ip: 101 } as const

/** Codes of options: of every block, of an interface, of a packet, of statistics. */
export const options = {
  end: 0,
  comment: 1,
  hardware: 2,
  operatingSystem: 3,
  application: 4,
  interfaceName: 2,
  interfaceDescription: 3,
  timeResolution: 9,
  timeOffset: 14,
  packetFlags: 2,
  packetsReceived: 4,
  packetsDropped: 5,
} as const

/** An interface that packets were captured at. */
export type PcapngInterface = {
  name: string
  description?: string
  link: 'ethernet' | 'ip'
  /** Bytes kept of each packet at most; 0 for no limit. */
  snapLength: number
}

/** A packet in a file; `interface` counts the interfaces of the file from 0. */
export type PcapngPacket = {
  interface: number
  /** Nanoseconds since 1970. */
  time: bigint
  bytes: Uint8Array
  /** On the wire. */
  length: number
  direction?: 'in' | 'out'
  comment?: string
}
