import { parseIp } from '../../net/ip.ts'
import { numberOf } from './arithmetic.ts'
import type { Direction, Expression } from './expression.ts'
import { entryOf, unsupported } from './names.ts'
import { isNetwork, isTransport, kinds, type Qualifiers } from './qualifiers.ts'
import type { Reader } from './reader.ts'
import { parseValue } from './value.ts'

/** A primitive, and the keywords that a value after it inherits. Throws FilterError. */
export const parsePrimitive = (reader: Reader): { expression: Expression; qualifiers?: Qualifiers } => {
  const start = reader.peek()
  if (reader.take('less', 'greater')) {
    const limit = numberOf(reader.peek()) ?? reader.fail(reader.peek(), 'expected a length in bytes')
    reader.next()
    const relation = start.text === 'less' ? '<=' : '>='
    const right = { type: 'number', value: limit } as const
    return { expression: { type: 'compare', relation, left: { type: 'length' }, right } }
  }
  const protocol = parseProtocol(reader)
  const direction = parseDirection(reader)
  const kindToken = reader.peek()
  const kind = kinds.find(name => name === kindToken.text)
  if (kind !== undefined) reader.next()
  if (kind === undefined && direction === undefined && protocol !== undefined) {
    if (protocol === 'ether') reader.fail(reader.peek(), 'expected host, src, dst or proto after "ether"')
    const bare = numberOf(reader.peek()) !== undefined || parseIp(reader.peek().text) !== undefined
    if (!bare) return { expression: { type: 'protocol', name: protocol } }
  }
  if (kind === undefined && protocol === undefined && direction === undefined) refuse(reader)
  // Without a keyword a value is a host: `src 192.0.2.1`.
  const qualifiers: Qualifiers = { protocol, direction, kind: kind ?? 'host' }
  const expression = parseValue(reader, qualifiers)
  return { expression: expression ?? refuseValue(reader, qualifiers.kind), qualifiers }
}

const parseProtocol = (reader: Reader): Qualifiers['protocol'] => {
  const { text } = reader.peek()
  if (!isNetwork(text) && !isTransport(text) && text !== 'ether') return undefined
  reader.next()
  return text
}

/** `src`, `dst`, `src or dst`, `src and dst`. */
const parseDirection = (reader: Reader): Direction | undefined => {
  const first = reader.take('src', 'dst')
  if (first === undefined) return undefined
  const second = reader.peek(1).text
  if ((second === 'src' || second === 'dst') && second !== first.text) {
    const joint = reader.take('or', 'and', '||', '&&')
    if (joint !== undefined) {
      reader.next()
      return joint.text === 'or' || joint.text === '||' ? 'either' : 'both'
    }
  }
  return first.text === 'src' ? 'source' : 'destination'
}

const refuse = (reader: Reader): never => {
  const token = reader.peek()
  const hint = entryOf(unsupported, token.text)
  if (hint !== undefined) reader.fail(token, 'is not supported', hint)
  if (token.kind === 'end') reader.fail(token, 'a condition is missing')
  if (parseIp(token.text) !== undefined)
    reader.fail(token, 'what is asked of this address?', `host ${token.text}`)
  if (/^\d+$/.test(token.text)) reader.fail(token, 'what is asked of this number?', `port ${token.text}`)
  return reader.fail(
    token,
    'no word of the filter language',
    'such as host, net, port, tcp, udp, icmp, ip6, arp',
  )
}

const refuseValue = (reader: Reader, kind: Qualifiers['kind']): never => {
  const expected = {
    host: 'an address',
    net: 'a network',
    port: 'a port',
    portrange: 'two ports with a dash between',
    proto: 'the number or name of a protocol',
  }[kind]
  const example = {
    host: '192.0.2.1',
    net: '192.0.2.0/24',
    port: '443',
    portrange: '8000-8010',
    proto: '47',
  }[kind]
  const names = kind === 'host' ? '; names are not looked up' : ''
  return reader.fail(reader.peek(), `expected ${expected}`, `such as ${kind} ${example}${names}`)
}
