/** enum ip_conntrack_status (IPS_*), linux/netfilter/nf_conntrack_common.h: the bits of CTA_STATUS. */
export const flowStatus = {
  /** A flow that another one announced, as FTP's data connections are. */
  expected: 0x1,
  /** Packets went both ways. */
  seenReply: 0x2,
  /** Established: not given up early when the table is full. */
  assured: 0x4,
  /** The first packet has left the host; flows that are not are in no list. */
  confirmed: 0x8,
  /** The source of the original direction is translated. */
  sourceNat: 0x10,
  /** The destination of the original direction is translated. */
  destinationNat: 0x20,
  sequenceAdjusted: 0x40,
  sourceNatDone: 0x80,
  destinationNatDone: 0x100,
  /** Removed from the table. */
  dying: 0x200,
  fixedTimeout: 0x400,
  template: 0x800,
  untracked: 0x1000,
  helper: 0x2000,
  /** Its packets go through a flowtable of nf_tables. */
  offloaded: 0x4000,
  /** Its packets go through the network card alone. */
  hardwareOffloaded: 0x8000,
} as const

export type FlowStatusName = keyof typeof flowStatus

/** Whether a flow's status has a bit: `hasStatus(flow, 'assured')`. */
export const hasStatus = ({ status }: { status: number }, name: FlowStatusName): boolean =>
  (status & flowStatus[name]) !== 0
