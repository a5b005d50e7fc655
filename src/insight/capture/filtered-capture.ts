import {
  type CapturedPacket,
  CaptureError,
  type CaptureOptions,
  type Filter,
  PacketCapture,
  type PacketSource,
  RingCapture,
  ringSnapLength,
} from '../../linux/packet/index.ts'

/** Header of an Ethernet frame up to its type, as a filter expects it before a packet that has none. */
const headerSize = 14

/** Bytes of a point's ring: 65,536 packets with the usual snapshot length, or more than a second of 50,000 each. */
const ringSize = 16 * 1024 * 1024

/**
 * Bytes that the kernel may queue at a point without a ring. It counts the whole of a packet that is not segmented yet, 64 KiB
 * with bulk TCP, and takes the memory only while nobody reads.
 */
const queueSize = 64 * 1024 * 1024

/** A capture at one interface that yields what a filter selects, and whose packets may begin with an IP header. */
export type FilteredCapture = {
  capture: PacketSource
  /** Selects here what the kernel cannot: there its filter counts from an Ethernet header. */
  select(packets: CapturedPacket[]): CapturedPacket[]
}

export type CaptureSettings = {
  interface: number
  namespace: number | undefined
  filter: Filter | undefined
  snapLength: number
}

/** Begins to capture. Throws SystemError, CaptureError. */
export const openFiltered = (settings: CaptureSettings): FilteredCapture => {
  const { filter, ...others } = settings
  const open = (options: CaptureOptions): PacketSource =>
    settings.snapLength <= ringSnapLength
      ? RingCapture.open({ ...options, bufferSize: ringSize })
      : PacketCapture.open({ ...options, bufferSize: queueSize })
  const all = (packets: CapturedPacket[]) => packets
  if (filter === undefined || filter.text.trim() === '') return { capture: open(others), select: all }
  try {
    return { capture: open({ ...others, filter: filter.program }), select: all }
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error
    const capture = open(others)
    if (capture.link === 'ip')
      return {
        capture,
        select: packets =>
          packets.filter(({ bytes, length }) => filter.matches(asFrame(bytes), length + headerSize)),
      }
    capture.close()
    throw error
  }
}

const asFrame = (bytes: Uint8Array): Uint8Array => {
  const frame = new Uint8Array(headerSize + bytes.length)
  frame.set((bytes[0] ?? 0) >> 4 === 6 ? [0x86, 0xdd] : [0x08, 0x00], 12)
  frame.set(bytes, headerSize)
  return frame
}
