import type { Instruction } from '../filter/instruction.ts'
import type { Audience } from './link-address.ts'

/** What tcpdump(8) keeps of a packet unless told otherwise: all of any packet there is. */
export const defaultSnapLength = 262_144

/** Where and what to capture. */
export type CaptureOptions = {
  /** Index of the interface in its namespace. */
  interface: number
  /** Number of a descriptor of the interface's namespace; default: that of this thread. */
  namespace?: number | undefined
  /** A program of classic BPF, such as `compileFilter(text).program`; default: everything. */
  filter?: readonly Instruction[] | undefined
  /** Bytes kept of each packet; default 262,144. */
  snapLength?: number
  /** Bytes that the kernel may queue; without privilege over the machine at most net.core.rmem_max. Default 16 MiB. */
  bufferSize?: number
  /** Whether packets that this host sends count too; default true. */
  outgoing?: boolean
}

/** A packet as the kernel saw it. Its bytes are a copy of its own. */
export type CapturedPacket = {
  /** Nanoseconds since 1970. */
  time: bigint
  bytes: Uint8Array
  /** On the wire; more than there are bytes where it was cut at the snapshot length. */
  length: number
  direction: 'in' | 'out'
  /** Of one that came in: for whom it was. */
  audience?: Audience
}

/** Packets that passed the filter since the capture began, and those of them that found no room and are lost. */
export type CaptureStatistics = { seen: number; dropped: number }

/** A capture at one interface, however its packets are read. */
export type PacketSource = Disposable & {
  /** For poll(2): readable when packets are there. */
  readonly descriptor: number
  /** What packets begin with here. */
  readonly link: 'ethernet' | 'ip'
  /** Whether the interface was down, or was removed, at some time since the capture began; packets may be missing then. */
  readonly interfaceWentDown: boolean
  /**
   * What has been queued, the oldest first, at most so many; an empty list when there is nothing. Does not wait. Throws
   * SystemError.
   */
  readBatch(most?: number): CapturedPacket[]
  /**
   * Takes what the kernel holds into memory of this process, so that there is room for more while nobody reads; `readBatch`
   * begins with it. Stops at so many bytes, and returns how many it holds now. Of captures that hold nothing it is 0.
   */
  hold(most: number): number
  /** Throws SystemError. Equivalent to the lines at the end of tcpdump(8): `packets received by filter`, `dropped by kernel`. */
  statistics(): CaptureStatistics
  close(): void
}
