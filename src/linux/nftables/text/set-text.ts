import { durationText } from '../datatypes/times.ts'
import { objectTypes } from '../messages/object.ts'
import { nameText, quoteText } from '../quote.ts'
import type { SetState } from '../read/model.ts'
import type { TextContext } from './context.ts'
import { elementsText } from './element-text.ts'
import { operandText } from './operand-text.ts'
import { statefulDeclaration } from './stateful-text.ts'

/** A set or map as nft prints it inside of its table. */
export const setText = (set: SetState, context: TextContext): string => {
  const lines = [
    `\t${set.data === undefined && set.objectType === undefined ? 'set' : 'map'} ${nameText(set.name)} {`,
  ]
  for (const line of setLines(set, context)) lines.push(`\t\t${line}`)
  lines.push('\t}')
  return lines.join('\n')
}

/** The lines of a set's declaration, with its elements. */
export const setLines = (set: SetState, context: TextContext): string[] => {
  const lines = [typeLine(set, context)]
  if (set.policy === 'memory' && !set.flags?.constant) lines.push('policy memory')
  if (set.size !== undefined && !set.flags?.constant) lines.push(`size ${set.size}`)
  const flags = flagNames(set)
  if (flags.length > 0) lines.push(`flags ${flags.join(',')}`)
  if (set.stateful?.length) lines.push(set.stateful.map(statefulDeclaration).join(' '))
  if (set.autoMerge) lines.push('auto-merge')
  if (set.timeout !== undefined) lines.push(`timeout ${durationText(BigInt(set.timeout))}`)
  if (set.gcInterval !== undefined) lines.push(`gc-interval ${durationText(BigInt(set.gcInterval))}`)
  if (set.comment !== undefined) lines.push(`comment ${quoteText(set.comment)}`)
  if (set.elements.length > 0) lines.push(`elements = { ${joinElements(elementsText(context, set), set)} }`)
  return lines
}

/** The flag timeout goes without saying when there is a timeout, unless other flags are listed anyway. */
const flagNames = (set: SetState): string[] => {
  const { constant, dynamic, interval, timeout } = set.flags ?? {}
  if (set.timeout !== undefined && !constant && !dynamic && !interval) return []
  return [
    ...(constant ? ['constant'] : []),
    ...(dynamic ? ['dynamic'] : []),
    ...(interval ? ['interval'] : []),
    ...(timeout ? ['timeout'] : []),
  ]
}

const objectNames = new Map<number, string>(Object.entries(objectTypes).map(([name, type]) => [type, name]))

const typeLine = (set: SetState, context: TextContext): string => {
  const example = set.keyTypeof !== undefined || set.dataTypeof !== undefined
  const key = example
    ? (set.keyTypeof ?? []).map(operand => operandText(context, operand)).join(' . ')
    : set.key.join(' . ')
  const word = example ? 'typeof' : 'type'
  if (set.objectType !== undefined)
    return `${word} ${key} : ${objectNames.get(set.objectType) ?? set.objectType}`
  if (set.data === undefined) return `${word} ${key}`
  const data =
    example && set.dataTypeof
      ? set.dataTypeof.map(operand => operandText(context, operand)).join(' . ')
      : set.data.join(' . ')
  return `${word} ${key} : ${set.dataInterval ? 'interval ' : ''}${data}`
}

/** How many elements nft puts on a line, by the datatype of the key; one where it is not listed here. */
const elementsPerLine: Readonly<Record<string, number>> = {
  nf_proto: 5,
  integer: 5,
  'integer host': 5,
  arp_op: 5,
  inet_proto: 5,
  inet_service: 5,
  tcp_flag: 5,
  mark: 5,
  iface_index: 5,
  classid: 5,
  uid: 5,
  gid: 5,
  ct_dir: 5,
  ipv4_addr: 2,
  ct_state: 2,
  ct_status: 2,
  pkt_type: 2,
}

const joinElements = (elements: readonly string[], set: SetState): string => {
  const [only, ...more] = set.key
  const perLine = only === undefined || more.length > 0 ? 1 : (elementsPerLine[only] ?? 1)
  return elements
    .map((element, i) => (i === 0 ? element : `${i % perLine === 0 ? ',\n\t\t\t     ' : ', '}${element}`))
    .join('')
}
