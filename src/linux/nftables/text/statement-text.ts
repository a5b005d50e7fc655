import type { Datatype, Scalar } from '../datatypes/datatype.ts'
import { integer } from '../datatypes/index.ts'
import { durationText } from '../datatypes/times.ts'
import { flagsOf } from '../decompile/match.ts'
import { objectTypes } from '../messages/object.ts'
import { nameText, quoteText } from '../quote.ts'
import type { VerdictValue } from '../sets/element.ts'
import type { Operand } from '../syntax/operand.ts'
import { operandTypes } from '../syntax/operand-type.ts'
import type { Pattern } from '../syntax/pattern.ts'
import type { Log, Nat, Reject, Statement } from '../syntax/statement.ts'
import type { TextContext } from './context.ts'
import { verdictText } from './element-text.ts'
import { operandText, setReference } from './operand-text.ts'
import { ruleText } from './rule-text.ts'
import { limitText, statefulDeclaration, statefulText } from './stateful-text.ts'
import { bracketed, rangeText, valueText } from './value-text.ts'

/** A statement as nft prints it. */
export const statementText = (context: TextContext, statement: Statement): string => {
  const text = (operand: Operand): string => operandText(context, operand)
  switch (statement.kind) {
    case 'match':
      return matchText(context, statement)
    case 'verdict':
      return inlineChain(context, statement) ?? verdictText(statement)
    case 'verdictMap':
      return `${text(statement.key)} vmap ${setReference(context, statement.map, statement.key, statement.shift)}`
    case 'set':
      return `${text(statement.target)} set ${text(statement.value)}`
    case 'counter':
      return `counter packets ${statement.packets} bytes ${statement.bytes}`
    case 'limit':
      return limitText(statement)
    case 'log':
      return logText(statement)
    case 'reject':
      return rejectText(context, statement)
    case 'nat':
      return natText(context, statement)
    case 'masquerade':
    case 'redirect': {
      const { kind, port, portMax, flags } = statement
      const to = port ? ` to :${text(port)}${portMax ? `-${text(portMax)}` : ''}` : ''
      return `${kind}${to}${flagsSuffix(flags)}`
    }
    case 'notrack':
      return 'notrack'
    case 'object':
      return `${objectWords(statement.type)} ${quoteText(statement.name)}`
    case 'objectMap':
      return `${objectWords(statement.type)} ${text(statement.key)} map ${setReference(context, statement.map, statement.key)}`
    case 'dynset':
      return dynsetText(context, statement)
    case 'stateful':
      return statefulText(statement.instruction)
    case 'queue': {
      const flags = statement.flags.length > 0 ? ` flags ${statement.flags.join(',')}` : ''
      const last = statement.last === undefined ? '' : `-${statement.last}`
      return `queue${flags} to ${text(statement.number)}${last}`
    }
    case 'dup': {
      const { address, device } = statement
      if (address === undefined) return device ? `dup to ${text(device)}` : 'dup'
      return `dup to ${text(address)}${device ? ` device ${text(device)}` : ''}`
    }
    case 'forward': {
      const { address, device, family } = statement
      if (address === undefined) return `fwd to ${text(device)}`
      return `fwd ${family ? `${family} ` : ''}to ${text(address)} device ${text(device)}`
    }
    case 'tproxy': {
      const { family, address, port } = statement
      const where = `${address ? bracketed(text(address)) : ''}${port ? `:${text(port)}` : ''}`
      return `tproxy${family && context.family === 'inet' ? ` ${family}` : ''} to ${where}`
    }
    case 'synproxy':
      return synproxyText(statement)
    case 'flowOffload':
      return `flow add @${nameText(statement.table)}`
    case 'removeOption':
      return `reset tcp option ${statement.name}`
    case 'raw':
      return rawText(statement)
  }
}

/** `jump { … }`: the rules of a chain that has no name of its own. */
const inlineChain = (context: TextContext, { verdict, chain: name }: VerdictValue): string | undefined => {
  const chain = context.chains?.find(candidate => candidate.binding && candidate.name === name)
  if (chain === undefined) return undefined
  // A chain cannot be inside of itself; a listing that says so must not go on for ever.
  const inside = { ...context, chains: context.chains?.filter(other => other !== chain) ?? [] }
  const lines = chain.rules.map(rule => `\t\t\t${ruleText(rule, inside).replaceAll('\n', '\n\t')}\n`)
  return `${verdict} {\n${lines.join('')}\t\t}`
}

/** What cannot be read is named, never guessed. */
const rawText = ({ instruction }: Extract<Statement, { kind: 'raw' }>): string => {
  switch (instruction.name) {
    case 'match':
    case 'target':
      return `xt ${instruction.name} ${quoteText(instruction.data.name ?? '')}`
    case 'other':
      return `unknown ${quoteText(instruction.kernelName)}`
    default:
      return `unknown ${quoteText(instruction.name)}`
  }
}

const matchText = (context: TextContext, match: Extract<Statement, { kind: 'match' }>): string => {
  const { left, operator, right } = match
  const field = operandTypes(left)[0]
  const type = field?.type ?? integer
  const leftText = operandText(context, left)
  if (left.kind === 'bitwise' && left.operator === '&' && type.bitmask && right.kind === 'value') {
    // nft's `tcp flags syn / syn,ack`: of the second flags exactly the first are set.
    const value = flagList(type, right.value)
    const mask = flagList(type, left.value)
    const not = operator === '!=' ? '!= ' : ''
    return `${operandText(context, left.operand)} ${not}${value} / ${mask}`
  }
  const rightText =
    right.kind === 'set'
      ? setReference(context, right.set, left, right.shift)
      : patternText(context, right, type, field?.bits)
  const isExplicit =
    (left.kind === 'bitwise' && right.kind !== 'range') || (type.bitmask && right.kind === 'value')
  return operator === '==' && !isExplicit
    ? `${leftText} ${rightText}`
    : `${leftText} ${operator} ${rightText}`
}

const flagList = (type: Datatype, value: Scalar): string =>
  flagsOf(type, type.toInteger(value))
    .map(flag => type.text(flag))
    .join(',')

const patternText = (
  context: TextContext,
  pattern: Exclude<Pattern, { kind: 'set' }>,
  type: Datatype,
  bits: number | undefined,
): string => {
  const text = (value: Scalar): string => valueText(context, type, value, bits)
  switch (pattern.kind) {
    case 'value':
      return text(pattern.value)
    case 'flags':
      return pattern.flags.map(text).join(',')
    case 'prefix':
      return `${text(pattern.value)}/${pattern.length}`
    case 'range':
      return rangeText(context, type, pattern.first, pattern.last, bits)
    case 'wildcard':
      return quoteText(`${pattern.beginning}*`)
  }
}

const flagsSuffix = (flags: readonly string[]): string => (flags.length === 0 ? '' : ` ${flags.join(',')}`)

/** NF_LOG_* of linux/netfilter/nf_log.h. */
const logFlags = { sequence: 1, options: 2, ipOptions: 4, skuid: 8, ether: 32, all: 47 } as const

const logText = (log: Log): string => {
  const { prefix, group, snaplen, queueThreshold, level, flags } = log
  let text = 'log'
  if (prefix !== undefined) text += ` prefix ${quoteText(prefix)}`
  if (group !== undefined) text += ` group ${group}`
  if (snaplen) text += ` snaplen ${snaplen}`
  if (queueThreshold) text += ` queue-threshold ${queueThreshold}`
  if (level !== undefined && level !== 'warn' && group === undefined) text += ` level ${level}`
  if ((flags & logFlags.all) === logFlags.all) return `${text} flags all`
  const tcp = [
    ...(flags & logFlags.sequence ? ['sequence'] : []),
    ...(flags & logFlags.options ? ['options'] : []),
  ]
  if (tcp.length > 0) text += ` flags tcp ${tcp.join(',')}`
  if (flags & logFlags.ipOptions) text += ' flags ip options'
  if (flags & logFlags.skuid) text += ' flags skuid'
  if (flags & logFlags.ether) text += ' flags ether'
  return text
}

const rejectText = (context: TextContext, reject: Reject): string => {
  if (reject.with === 'tcp reset') return 'reject with tcp reset'
  const isDefault = reject.code === 'port-unreachable'
  const single = context.family === 'ip' || context.family === 'ip6'
  if (isDefault && (reject.with === 'icmpx' || single)) return 'reject'
  return `reject with ${reject.with} ${reject.code ?? 0}`
}

const natText = (context: TextContext, nat: Nat): string => {
  const { address, addressMax, port, portMax } = nat
  const text = (operand: Operand): string => operandText(context, operand)
  const family = context.family === 'inet' && nat.family ? ` ${nat.family}` : ''
  const isMap = address?.kind === 'map'
  const wrap = (operand: Operand): string =>
    operand.kind === 'value' && port ? bracketed(text(operand)) : text(operand)
  let where = ''
  if (address) where += wrap(address)
  if (addressMax) where += `-${wrap(addressMax)}`
  if (port && !(isMap && port === address)) where += `:${text(port)}`
  if (portMax) where += `-${text(portMax)}`
  const kind = `${nat.type}${family}${nat.netmap ? ' prefix' : ''}`
  return `${kind}${where === '' ? '' : ` to ${where}`}${flagsSuffix(nat.flags)}`
}

const objectVerbs: Readonly<Record<number, string>> = {
  [objectTypes.counter]: 'counter name',
  [objectTypes.quota]: 'quota name',
  [objectTypes['ct helper']]: 'ct helper set',
  [objectTypes.limit]: 'limit name',
  [objectTypes.connlimit]: 'ct count name',
  [objectTypes['ct timeout']]: 'ct timeout set',
  [objectTypes.secmark]: 'meta secmark set',
  [objectTypes['ct expectation']]: 'ct expectation set',
  [objectTypes.synproxy]: 'synproxy name',
}

const objectWords = (type: number | undefined): string =>
  (type === undefined ? undefined : objectVerbs[type]) ?? `object ${type} name`

const dynsetText = (context: TextContext, statement: Extract<Statement, { kind: 'dynset' }>): string => {
  const set = context.sets.find(candidate => candidate.name === statement.set)
  const parts = [operandText(context, statement.key)]
  if (statement.timeout !== undefined && statement.timeout !== 0)
    parts.push(`timeout ${durationText(BigInt(statement.timeout))}`)
  for (const instruction of statement.stateful) parts.push(statefulDeclaration(instruction))
  if (statement.data) parts.push(`: ${operandText(context, statement.data)}`)
  const what = `{ ${parts.join(' ')} }`
  if (!set?.anonymous) return `${statement.operation} @${nameText(statement.set)} ${what}`
  return `meter ${nameText(statement.set)}${set.size === undefined ? '' : ` size ${set.size}`} ${what}`
}

const synproxyFlags = { sackPerm: 4, timestamp: 8 } as const

const synproxyText = (statement: Extract<Statement, { kind: 'synproxy' }>): string => {
  const { mss, windowScale, flags } = statement
  let text = 'synproxy'
  if (mss !== undefined) text += ` mss ${mss}`
  if (windowScale !== undefined) text += ` wscale ${windowScale}`
  if (flags & synproxyFlags.timestamp) text += ' timestamp'
  if (flags & synproxyFlags.sackPerm) text += ' sack-perm'
  return text
}
