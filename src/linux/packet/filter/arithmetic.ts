import type { AccessProtocol, Arithmetic, Operator, Relation } from './expression.ts'
import { accessProtocols, entryOf, namedNumbers } from './names.ts'
import type { Reader } from './reader.ts'
import type { Token } from './token.ts'

/** Operators that bind alike, the loosest first (pcap-filter(7): unlike in C, a relation binds looser than all of them). */
const levels: readonly (readonly Operator[])[] = [
  ['|', '^'],
  ['&'],
  ['<<', '>>'],
  ['+', '-'],
  ['*', '/', '%'],
]
const operators: readonly string[] = levels.flat()
const relations: Record<string, Relation> = {
  '=': '=',
  '==': '=',
  '!=': '!=',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
}
const deepest = 100

/** The number that a word means: decimal, hexadecimal with 0x, octal with 0, or a name; of 32 bits. */
export const numberOf = ({ text }: Token): number | undefined => {
  const named = entryOf(namedNumbers, text)
  if (named !== undefined) return named
  if (!/^(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)$/.test(text)) return undefined
  const value = /^0[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number(text)
  return value <= 0xffff_ffff ? value : undefined
}

const isAccess = (text: string): text is AccessProtocol =>
  (accessProtocols as readonly string[]).includes(text)

/** Whether a comparison comes rather than a primitive; reads nothing. */
export const startsArithmetic = (reader: Reader): boolean => {
  const [first, second] = [reader.peek(), reader.peek(1)]
  if (first.text === 'len' || first.text === '-') return true
  if (isAccess(first.text) && second.text === '[') return true
  if (first.text !== '(') return numberOf(first) !== undefined && isOperation(second)
  // Behind the parenthesis that closes this one.
  let depth = 0
  for (let i = 0; ; i++) {
    const token = reader.peek(i)
    if (token.kind === 'end') return false
    if (token.text === '(') depth++
    if (token.text === ')' && --depth === 0) return isOperation(reader.peek(i + 1))
  }
}

const isOperation = ({ kind, text }: Token): boolean =>
  kind === 'sign' && (Object.hasOwn(relations, text) || operators.includes(text))

/** The sign between the two sides of a comparison. Throws FilterError. */
export const relationOf = (reader: Reader): Relation => {
  const token = reader.next()
  return (
    entryOf(relations, token.text) ?? reader.fail(token, 'expected a comparison', 'one of = != < <= > >=')
  )
}

/** One side of a comparison. Throws FilterError. */
export const parseArithmetic = (reader: Reader, depth = 0): Arithmetic => parseLevel(reader, 0, depth)

const parseLevel = (reader: Reader, level: number, depth: number): Arithmetic => {
  const own = levels[level]
  if (own === undefined) return parseOperand(reader, depth)
  let left = parseLevel(reader, level + 1, depth)
  for (;;) {
    const token = reader.take(...own)
    if (token === undefined) return left
    const operator = own.find(sign => sign === token.text) ?? reader.fail(token, 'no operator')
    left = { type: 'operation', operator, left, right: parseLevel(reader, level + 1, depth) }
    checkOperation(reader, token, left)
  }
}

/** What the kernel refuses, or leaves to chance, is refused here with a reason. */
const checkOperation = (
  reader: Reader,
  token: Token,
  { operator, right }: Arithmetic & { type: 'operation' },
): void => {
  if ((operator === '/' || operator === '%') && right.type === 'number' && right.value === 0)
    reader.fail(token, 'division by zero')
  if ((operator === '<<' || operator === '>>') && (right.type !== 'number' || right.value > 31))
    reader.fail(token, 'the shift must be by a number of 0 to 31')
}

const parseOperand = (reader: Reader, depth: number): Arithmetic => {
  const token = reader.next()
  if (depth > deepest) reader.fail(token, `more than ${deepest} levels deep`)
  if (token.text === '(') {
    const inner = parseArithmetic(reader, depth + 1)
    reader.expect(')')
    return inner
  }
  if (token.text === '-') {
    const right = parseOperand(reader, depth + 1)
    return { type: 'operation', operator: '-', left: { type: 'number', value: 0 }, right }
  }
  if (token.text === 'len') return { type: 'length' }
  const value = numberOf(token)
  if (value !== undefined) return { type: 'number', value }
  if (!isAccess(token.text)) {
    const hint = reader.peek().text === '[' ? `one of ${accessProtocols.join(', ')}` : undefined
    reader.fail(token, 'expected a number, len, or bytes such as tcp[13]', hint)
  }
  reader.expect('[', `${token.text} in a comparison needs an offset: ${token.text}[0]`)
  const at = parseArithmetic(reader, depth + 1)
  const size = reader.take(':') ? sizeOf(reader) : 1
  reader.expect(']')
  return { type: 'bytes', protocol: token.text, at, size }
}

const sizeOf = (reader: Reader): 1 | 2 | 4 => {
  const token = reader.next()
  const size = ([1, 2, 4] as const).find(size => `${size}` === token.text)
  return size ?? reader.fail(token, 'the size must be 1, 2 or 4 bytes')
}
