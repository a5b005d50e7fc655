import { PROTOCOL_NUMBER } from '../../net/protocol.ts'
import { exthdrPresent } from '../expressions/exthdr.ts'
import type { Instruction } from '../expressions/index.ts'
import { unknownBits } from './bits.ts'
import { evaluateCmp, evaluateRange } from './comparison.ts'
import { evaluateBitwise, evaluateByteorder } from './compute.ts'
import type { Context } from './context.ts'
import { evaluateCt } from './ct.ts'
import { evaluateFib } from './fib.ts'
import { evaluateDynset, evaluateLookup, evaluateObjref } from './lookup.ts'
import { evaluateMeta } from './meta.ts'
import { evaluateMasq, evaluateNat, evaluateRedir } from './nat.ts'
import { evaluatePayload } from './payload.ts'
import { evaluateRt } from './rt.ts'
import { withPacket } from './state.ts'
import { endWith, goOn, onlyIf, type Step } from './step.ts'
import { evaluateImmediate } from './verdict.ts'
import { evaluateMatch, evaluateTarget } from './xt/extensions.ts'

/** What one instruction of a rule does with the packet. */
export const evaluateInstruction = (instruction: Instruction, context: Context): Step => {
  const { state, registers } = context
  switch (instruction.name) {
    case 'bitwise':
      return evaluateBitwise(instruction.data, context)
    case 'byteorder':
      return evaluateByteorder(instruction.data, context)
    case 'cmp':
      return evaluateCmp(instruction.data, context)
    case 'range':
      return evaluateRange(instruction.data, context)
    case 'meta':
      return evaluateMeta(instruction.data, context)
    case 'ct':
      return evaluateCt(instruction.data, context)
    case 'payload':
      return evaluatePayload(instruction.data, context)
    case 'fib':
      return evaluateFib(instruction.data, context)
    case 'immediate':
      return evaluateImmediate(instruction.data, context)
    case 'lookup':
      return evaluateLookup(instruction.data, context)
    case 'dynset':
      return evaluateDynset(instruction.data, context)
    case 'objref':
      return evaluateObjref(instruction.data, context)
    case 'nat':
      return evaluateNat(instruction.data, context)
    case 'masq':
      return evaluateMasq(instruction.data, context)
    case 'redir':
      return evaluateRedir(instruction.data, context)
    case 'match':
      return evaluateMatch(instruction.data, context)
    case 'target':
      return evaluateTarget(instruction.data, context)
    case 'reject':
      return endWith({ verdict: 'reject' })
    case 'queue':
      return endWith({ verdict: 'queue' })
    case 'notrack':
      return goOn(withPacket(state, { ctState: 'untracked' }))
    case 'counter':
    case 'log':
    case 'last':
    case 'dup':
    case 'flow_offload':
      return goOn(state)
    case 'exthdr': {
      const { dreg, kind, length = 0, flags = 0 } = instruction.data
      if (dreg === undefined) return goOn(state)
      registers.store(dreg, unknownBits(Math.max(1, length)))
      const { protocol } = state.packet
      const otherProtocol = kind === 'tcpopt' && protocol !== undefined && protocol !== PROTOCOL_NUMBER.tcp
      if (otherProtocol && (flags & exthdrPresent) === 0) return onlyIf(false, state)
      return onlyIf('unknown', state)
    }
    case 'rt':
      return evaluateRt(instruction.data, context)
    case 'numgen':
    case 'hash':
    case 'osf':
    case 'socket':
    case 'xfrm':
      registers.store(instruction.data.dreg, unknownBits(16))
      return onlyIf('unknown', state)
    case 'limit':
    case 'quota':
    case 'connlimit':
    case 'tproxy':
      return onlyIf('unknown', state)
    default:
      // It may give a verdict (synproxy answers for the server, fwd takes the packet away), or one that is newer than we.
      registers.clear()
      return { go: state, miss: true, ends: [{ verdict: 'unknown' }] }
  }
}
