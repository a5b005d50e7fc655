import type { Infer } from '../../netlink/codec.ts'
import { variant } from '../../netlink/composite.ts'
import { bitwiseExpression } from './bitwise.ts'
import { byteorderExpression } from './byteorder.ts'
import { cmpExpression } from './cmp.ts'
import { ctExpression } from './ct.ts'
import { dupExpression } from './dup.ts'
import { dynsetExpression } from './dynset.ts'
import { exthdrExpression } from './exthdr.ts'
import { fibExpression } from './fib.ts'
import { flowOffloadExpression } from './flow-offload.ts'
import { fwdExpression } from './fwd.ts'
import { hashExpression } from './hash.ts'
import { immediateExpression } from './immediate.ts'
import { logExpression } from './log.ts'
import { lookupExpression } from './lookup.ts'
import { masqExpression } from './masq.ts'
import { metaExpression } from './meta.ts'
import { natExpression } from './nat.ts'
import { notrackExpression } from './notrack.ts'
import { numgenExpression } from './numgen.ts'
import { objrefExpression } from './objref.ts'
import { osfExpression } from './osf.ts'
import { payloadExpression } from './payload.ts'
import { queueExpression } from './queue.ts'
import { rangeExpression } from './range.ts'
import { redirExpression } from './redir.ts'
import { rejectExpression } from './reject.ts'
import { rtExpression } from './rt.ts'
import { socketExpression } from './socket.ts'
import { statefulCases } from './stateful.ts'
import { synproxyExpression } from './synproxy.ts'
import { tproxyExpression } from './tproxy.ts'
import { xfrmExpression } from './xfrm.ts'
import { matchExpression, targetExpression } from './xt.ts'

/**
 * The instructions of nf_tables' register machine, by the names the kernel gives them (NFTA_EXPR_NAME). A rule is a
 * list of them; each may end the rule. Those without a schema here are kept as raw bytes under the name 'other'.
 */
const cases = {
  ...statefulCases,
  bitwise: bitwiseExpression,
  byteorder: byteorderExpression,
  cmp: cmpExpression,
  ct: ctExpression,
  dup: dupExpression,
  dynset: dynsetExpression,
  exthdr: exthdrExpression,
  fib: fibExpression,
  flow_offload: flowOffloadExpression,
  fwd: fwdExpression,
  hash: hashExpression,
  immediate: immediateExpression,
  log: logExpression,
  lookup: lookupExpression,
  masq: masqExpression,
  match: matchExpression,
  meta: metaExpression,
  nat: natExpression,
  notrack: notrackExpression,
  numgen: numgenExpression,
  objref: objrefExpression,
  osf: osfExpression,
  payload: payloadExpression,
  queue: queueExpression,
  range: rangeExpression,
  redir: redirExpression,
  reject: rejectExpression,
  rt: rtExpression,
  socket: socketExpression,
  synproxy: synproxyExpression,
  target: targetExpression,
  tproxy: tproxyExpression,
  xfrm: xfrmExpression,
}

/** NFTA_EXPR_NAME and NFTA_EXPR_DATA: one instruction. */
export const expression = variant([1, 'NFTA_EXPR_NAME'], [2, 'NFTA_EXPR_DATA'], cases)

/** One instruction of a rule: `{ name: 'cmp', data: { sreg: 1, operator: '==', … } }`. */
export type Instruction = Infer<typeof expression>
