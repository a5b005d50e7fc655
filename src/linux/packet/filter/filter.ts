import { compile } from './compile.ts'
import type { Expression } from './expression.ts'
import type { Instruction } from './instruction.ts'
import { lower } from './lower.ts'
import { parseFilter } from './parse.ts'
import { predicateOf } from './predicate.ts'

/** A filter for Ethernet frames in the language of pcap-filter(7). */
export type Filter = {
  text: string
  expression: Expression
  /** Whether a frame is selected; `length` is that on the wire, where fewer bytes were captured. */
  matches(bytes: Uint8Array, length?: number): boolean
  /** The same for the kernel (SO_ATTACH_FILTER). */
  program: readonly Instruction[]
}

/**
 * Reads a filter: hosts, networks, ports and ranges of them, with `src` and `dst`, protocols, `proto`, `ether`, arithmetic
 * on bytes (`tcp[tcpflags] & (tcp-syn|tcp-ack) != 0`), `len`, `less` and `greater`, joined by `and`, `or`, `not` and
 * parentheses. An empty text selects everything. Throws FilterError with the column and a hint. Names of hosts are not
 * looked up. Equivalent to the expression at the end of: `tcpdump -n EXPRESSION`
 */
export const compileFilter = (text: string): Filter => {
  const expression = parseFilter(text)
  const condition = lower(expression)
  const predicate = predicateOf(condition)
  return {
    text,
    expression,
    matches: (bytes, length = bytes.length) => predicate({ bytes, length }),
    program: compile(condition),
  }
}
