import type { Infer } from '../../netlink/codec.ts'
import { attributes } from '../../netlink/composite.ts'
import { be32, bytes, cstring } from '../../netlink/scalars.ts'
import { beI32 } from '../scalars.ts'

/** enum nft_verdicts, and the NF_* ones of linux/netfilter.h that rules may use. Jump and goto name a chain. */
export const verdictCodes = {
  drop: 0,
  accept: 1,
  queue: 3,
  continue: -1,
  break: -2,
  jump: -3,
  goto: -4,
  return: -5,
} as const
export type VerdictName = keyof typeof verdictCodes

/** NFTA_DATA_VERDICT, enum nft_verdict_attributes. */
export const verdict = attributes({
  code: [1, beI32, 'NFTA_VERDICT_CODE'],
  chain: [2, cstring, 'NFTA_VERDICT_CHAIN'],
  chainId: [3, be32, 'NFTA_VERDICT_CHAIN_ID'],
})
export type Verdict = Infer<typeof verdict>

/** enum nft_data_attributes: bytes as they lie in registers, or a verdict. */
export const data = attributes({
  value: [1, bytes, 'NFTA_DATA_VALUE'],
  verdict: [2, verdict, 'NFTA_DATA_VERDICT'],
})
export type Data = Infer<typeof data>
