import { EncodeError } from '../../netlink/codec.ts'
import type { Scalar } from '../datatypes/datatype.ts'
import { datatype } from '../datatypes/index.ts'
import type { CtKey } from '../expressions/ct.ts'
import type { MetaKey } from '../expressions/meta.ts'
import type { PayloadBase } from '../expressions/payload.ts'
import { nameText } from '../quote.ts'
import type { SetState } from '../read/model.ts'
import { splitFields } from '../sets/decode-elements.ts'
import type { KeyField, SetElement } from '../sets/element.ts'
import { fieldBounds } from '../sets/encode-elements.ts'
import { stateKeyFields } from '../sets/set-fields.ts'
import type { Operand } from '../syntax/operand.ts'
import { operandTypes } from '../syntax/operand-type.ts'
import type { TextContext } from './context.ts'
import { elementsText } from './element-text.ts'
import { valueText } from './value-text.ts'

/** Keys that nft writes without `meta`. */
const bareKeys: ReadonlySet<MetaKey> = new Set(['iif', 'oif', 'iifname', 'oifname', 'iifgroup', 'oifgroup'])

/** Keys that are the same in both directions of a connection: nft leaves the direction out. */
const undirectedKeys: ReadonlySet<CtKey> = new Set(['l3proto', 'protocol'])

const baseLetters: Readonly<Record<PayloadBase, string>> = {
  link: 'll',
  network: 'nh',
  transport: 'th',
  inner: 'ih',
  tunnel: 'inner',
}

/** An operand as nft prints it. */
export const operandText = (context: TextContext, operand: Operand): string => {
  switch (operand.kind) {
    case 'meta':
      return bareKeys.has(operand.key) ? operand.key : `meta ${operand.key}`
    case 'payload':
      return `${operand.header} ${operand.field}`
    case 'rawPayload':
      return `@${baseLetters[operand.base]},${operand.offset},${operand.length}`
    case 'ct':
      return operand.direction === undefined || undirectedKeys.has(operand.key)
        ? `ct ${operand.key}`
        : `ct ${operand.direction} ${operand.key}`
    case 'fib':
      return `fib ${operand.flags.join(' . ')} ${operand.result}`
    case 'rt':
      return `rt ${operand.key}`
    case 'extension':
      return extensionText(operand)
    case 'rawExtension':
      return `${extensionWords[operand.of]} @${operand.number},${operand.offset},${operand.length}`
    case 'socket':
      return operand.level === undefined
        ? `socket ${operand.key}`
        : `socket ${operand.key} level ${operand.level}`
    case 'osf':
      return `osf ${['', 'ttl loose ', 'ttl skip '][operand.ttl] ?? `ttl ${operand.ttl} `}${operand.version ? 'version' : 'name'}`
    case 'ipsec': {
      const number = operand.number === 0 ? '' : ` spnum ${operand.number}`
      return `ipsec ${operand.direction}${number} ${operand.key}`
    }
    case 'numgen':
      return `numgen ${operand.type} mod ${operand.modulus}${offsetText(operand.offset)}`
    case 'hash':
      return hashText(context, operand)
    case 'concat':
      return operand.parts.map(part => operandText(context, part)).join(' . ')
    case 'bitwise':
      return `${innerText(context, operand)} ${operand.operator} ${bitsText(context, operand)}`
    case 'map':
      return `${operandText(context, operand.key)} map ${setReference(context, operand.map, operand.key)}`
    case 'value':
      return valuesText(context, operand)
  }
}

const extensionWords = {
  tcpopt: 'tcp option',
  ipv4: 'ip option',
  ipv6: 'exthdr',
  sctp: 'sctp chunk',
  dccp: 'dccp option',
} as const

const extensionText = ({ of, name, field }: Extract<Operand, { kind: 'extension' }>): string => {
  if (of === 'ipv6') return field === undefined ? `exthdr ${name}` : `${name} ${field}`
  return field === undefined ? `${extensionWords[of]} ${name}` : `${extensionWords[of]} ${name} ${field}`
}

const offsetText = (offset: number): string => (offset === 0 ? '' : ` offset ${offset}`)

const hashText = (context: TextContext, operand: Extract<Operand, { kind: 'hash' }>): string => {
  if (operand.type === 'symhash') return `symhash mod ${operand.modulus}${offsetText(operand.offset)}`
  const seed = operand.seed ? ` seed 0x${operand.seed.toString(16)}` : ''
  return `jhash ${operandText(context, operand.key)} mod ${operand.modulus}${seed}${offsetText(operand.offset)}`
}

const precedence = { '<<': 1, '>>': 1, '&': 2, '^': 3, '|': 4 } as const

/** What an operator is applied to, in parentheses where it binds less. */
const innerText = (
  context: TextContext,
  { operand, operator }: Extract<Operand, { kind: 'bitwise' }>,
): string => {
  const text = operandText(context, operand)
  return operand.kind === 'bitwise' && precedence[operand.operator] > precedence[operator]
    ? `(${text})`
    : text
}

const bitsText = (context: TextContext, operand: Extract<Operand, { kind: 'bitwise' }>): string => {
  if (operand.operator === '<<' || operand.operator === '>>') return String(operand.value)
  const field = operandTypes(operand.operand)[0]
  return field === undefined
    ? String(operand.value)
    : valueText(context, field.type, operand.value, field.bits)
}

const valuesText = (context: TextContext, { value, types }: Extract<Operand, { kind: 'value' }>): string => {
  const values: Scalar[] = [value].flat()
  return types.map((type, i) => valueText(context, datatype(type), values[i] ?? 0)).join(' . ')
}

/** `@NAME`, or the elements of a set that was written in place. */
export const setReference = (context: TextContext, name: string, key: Operand, shift = 0): string => {
  const found = context.sets.find(candidate => candidate.name === name)
  if (!found?.anonymous) return `@${nameText(name)}`
  const set = typedLike(found, key)
  return `{ ${elementsText(context, shift === 0 ? set : shiftedDown(set, shift)).join(', ')} }`
}

/** A set whose elements lie some bits up, because the field that is looked up does. */
const shiftedDown = (set: SetState, shift: number): SetState => {
  const type = stateKeyFields(set)[0]?.type
  const down = (value: Scalar): Scalar =>
    type === undefined ? value : type.fromInteger(type.toInteger(value) >> BigInt(shift))
  const field = (value: KeyField): KeyField => {
    if (typeof value !== 'object') return down(value)
    return 'beginning' in value ? value : { first: down(value.first), last: down(value.last) }
  }
  return { ...set, elements: set.elements.map(element => ({ ...element, key: element.key.map(field) })) }
}

/**
 * A set written in place has the datatypes of what is looked up in it: nft keeps no lengths of plain numbers with the
 * set, so that its keys could not be cut when they were read.
 */
const typedLike = (set: SetState, key: Operand): SetState => {
  const [raw, ...more] = stateKeyFields(set)
  const parts = key.kind === 'concat' ? key.parts : [key]
  if (raw === undefined || more.length > 0 || parts.length < 2) return set
  const typed: SetState = { ...set, keyTypeof: parts }
  const fields = stateKeyFields(typed)
  if (fields.length !== parts.length) return set
  const split = ({ key: [whole], ...rest }: SetElement): SetElement => {
    if (whole === undefined || (typeof whole === 'object' && 'beginning' in whole))
      return { key: [], ...rest }
    const [first, last] = fieldBounds(raw, whole)
    return { key: splitFields(fields, first, set.flags?.interval ? last : undefined), ...rest }
  }
  try {
    return { ...typed, elements: set.elements.map(split) }
  } catch (error) {
    // Keys that are not as long as what is looked up: they stay the numbers they are.
    if (error instanceof EncodeError) return set
    throw error
  }
}
