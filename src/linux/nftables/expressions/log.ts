import { attributes } from '../../netlink/composite.ts'
import { be16, be32, cstring } from '../../netlink/scalars.ts'
import { named32 } from '../scalars.ts'

/** enum nft_log_level. */
export const logLevels = {
  emerg: 0,
  alert: 1,
  crit: 2,
  err: 3,
  warn: 4,
  notice: 5,
  info: 6,
  debug: 7,
  audit: 8,
} as const
export type LogLevel = keyof typeof logLevels

/** Writes the packet to the kernel log, or with a group to NFLOG. enum nft_log_attributes. */
export const logExpression = attributes({
  prefix: [2, cstring, 'NFTA_LOG_PREFIX'],
  group: [1, be16, 'NFTA_LOG_GROUP'],
  snaplen: [3, be32, 'NFTA_LOG_SNAPLEN'],
  queueThreshold: [4, be16, 'NFTA_LOG_QTHRESHOLD'],
  level: [5, named32(logLevels), 'NFTA_LOG_LEVEL'],
  flags: [6, be32, 'NFTA_LOG_FLAGS'],
})
