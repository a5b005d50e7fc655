import type { Infer } from '../../netlink/codec.ts'
import { variant } from '../../netlink/composite.ts'
import { connlimitExpression } from './connlimit.ts'
import { counterExpression } from './counter.ts'
import { lastExpression } from './last.ts'
import { limitExpression } from './limit.ts'
import { quotaExpression } from './quota.ts'

/** The instructions that remember something; elements of sets may carry them. */
export const statefulCases = {
  connlimit: connlimitExpression,
  counter: counterExpression,
  last: lastExpression,
  limit: limitExpression,
  quota: quotaExpression,
}

/** NFTA_EXPR_NAME and NFTA_EXPR_DATA of such an instruction. */
export const statefulExpression = variant([1, 'NFTA_EXPR_NAME'], [2, 'NFTA_EXPR_DATA'], statefulCases)
export type StatefulInstruction = Infer<typeof statefulExpression>
