import { type CapturedPacket, CaptureError, type Filter, PacketCapture } from '../../linux/packet/index.ts'

/** Header of an Ethernet frame up to its type, as a filter expects it before a packet that has none. */
const headerSize = 14

/**
 * Bytes that the kernel may queue at a point. It counts the whole of a packet that is not segmented yet, 64 KiB with bulk TCP,
 * whatever is kept of it, and takes the memory only while nobody reads.
 */
const bufferSize = 64 * 1024 * 1024

/** A capture at one interface that yields what a filter selects, and whose packets may begin with an IP header. */
export type FilteredCapture = {
  capture: PacketCapture
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
  const options = { ...others, bufferSize }
  const all = (packets: CapturedPacket[]) => packets
  if (filter === undefined || filter.text.trim() === '')
    return { capture: PacketCapture.open(options), select: all }
  try {
    return { capture: PacketCapture.open({ ...options, filter: filter.program }), select: all }
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error
    const capture = PacketCapture.open(options)
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
