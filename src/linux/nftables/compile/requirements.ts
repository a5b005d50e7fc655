import { type Operand, partsOf } from '../syntax/operand.ts'
import type { Program } from './program.ts'

/** Emits the tests that an operand needs in front of the statement that uses it. */
export const requireFor = (program: Program, operand: Operand): void => {
  switch (operand.kind) {
    case 'payload': {
      program.needHeader(operand.header)
      const type = messageTypes[`${operand.header} ${operand.field}`]
      if (type !== undefined) program.needIcmpType(type)
      return
    }
    case 'extension':
      if (operand.of === 'ipv6') program.needHeader('ip6')
      else if (operand.of === 'ipv4') program.needHeader('ip')
      return
    default:
      for (const part of partsOf(operand)) requireFor(program, part)
  }
}

/** Parts of ICMP messages that only one type of message has. RFC 792, RFC 1191, RFC 4443, RFC 2710. */
const messageTypes: Readonly<Record<string, number>> = {
  'icmp mtu': 3,
  'icmp gateway': 5,
  'icmpv6 mtu': 2,
  'icmpv6 parameter-problem': 4,
  'icmpv6 max-delay': 130,
}
