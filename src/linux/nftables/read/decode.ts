import type { MessageOf } from '../../netlink/message.ts'
import { fieldsOf } from '../datatypes/index.ts'
import type { Instruction } from '../expressions/index.ts'
import { familyName } from '../family.ts'
import { hookName } from '../hook.ts'
import { type ChainMessage, chainFlags } from '../messages/chain.ts'
import type { FlowtableMessage } from '../messages/flowtable.ts'
import { type ObjectMessage, type ObjectType, objectData, objectTypes } from '../messages/object.ts'
import { type listedRuleMessage, type RuleMessage, ruleExpressions } from '../messages/rule.ts'
import { type SetMessage, setFlags } from '../messages/set.ts'
import { type TableMessage, tableFlags } from '../messages/table.ts'
import { commentOf, entryNumber, entryText, foreignUserdata, setUserdata } from '../userdata.ts'
import type { Chain, FlowtableState, ObjectState, RuleState, SetState, Table } from './model.ts'
import { readTypeof } from './typeof.ts'

/** From the kernel's messages to the values of the model. What a message lacks becomes empty, never an error. */

const optional = <K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } =>
  value === undefined ? {} : ({ [key]: value } as { [P in K]?: V })

/** A table without its content; undefined for a family that nft has no name for. */
export const toTable = ({ header, attributes }: TableMessage): Table | undefined => {
  const family = familyName(header.family)
  if (family === undefined) return undefined
  const flags = attributes.flags ?? 0
  return {
    family,
    name: attributes.name ?? '',
    handle: attributes.handle ?? 0n,
    flags: (Object.keys(tableFlags) as (keyof typeof tableFlags)[]).filter(flag => flags & tableFlags[flag]),
    ...optional('comment', commentOf(attributes.userdata)),
    ...optional('owner', attributes.owner),
    sets: [],
    objects: [],
    flowtables: [],
    chains: [],
  }
}

const chainTypes = ['filter', 'nat', 'route'] as const

/** A chain without its rules. */
export const toChain = ({ header, attributes }: ChainMessage): Chain => {
  const family = familyName(header.family)
  const { hook, flags = 0 } = attributes
  const hookPart =
    hook === undefined || family === undefined
      ? {}
      : {
          ...optional('hook', hookName(family, hook.number ?? 0)),
          ...optional(
            'type',
            chainTypes.find(type => type === attributes.type),
          ),
          priority: hook.priority ?? 0,
          policy: attributes.policy === 0 ? ('drop' as const) : ('accept' as const),
          ...optional('devices', hook.devices ?? (hook.device === undefined ? undefined : [hook.device])),
        }
  const { packets, bytes } = attributes.counters ?? {}
  return {
    name: attributes.name ?? '',
    handle: attributes.handle ?? 0n,
    ...hookPart,
    ...(packets === undefined || bytes === undefined ? {} : { counters: { packets, bytes } }),
    ...optional('comment', commentOf(attributes.userdata)),
    ...(flags & chainFlags.binding ? { binding: true } : {}),
    ...(flags & chainFlags.offload ? { offload: true } : {}),
    rules: [],
  }
}

/** A rule, its instructions as they are. */
export const toRule = ({ attributes }: RuleMessage): RuleState => ({
  handle: attributes.handle ?? 0n,
  instructions: attributes.expressions ?? [],
  ...optional('comment', commentOf(attributes.userdata)),
  ...optional('userdata', attributes.userdata),
})

/**
 * A rule of a list. A host may have thousands, of which few are ever looked into, so the instructions are decoded when
 * they are asked for the first time; that throws DecodeError where they have not the form of instructions.
 */
export const toListedRule = ({ attributes }: MessageOf<typeof listedRuleMessage>): RuleState => {
  const { handle = 0n, userdata, expressions: bytes = new Uint8Array() } = attributes
  let decoded: Instruction[] | undefined
  const rule: RuleState = {
    handle,
    get instructions() {
      decoded ??= ruleExpressions.decode(bytes, 0, bytes.length)
      return decoded
    },
    ...optional('comment', commentOf(userdata)),
    ...optional('userdata', userdata),
  }
  // Not among what a rule is, which is compared and printed: in the bytes there are counters, too.
  return Object.defineProperty(rule, 'encoded', { value: bytes })
}

/** NFT_DATA_VALUE_MAXLEN: no key or value is longer. */
const longestValue = 64
const verdictTypeNumber = 0xffffff00

/** A set without its elements. */
export const toSet = ({ attributes }: SetMessage): SetState => {
  const flags = attributes.flags ?? 0
  const userdata = foreignUserdata(attributes.userdata)
  const { dataType, objectType, timeout } = attributes
  const has = (flag: number): boolean => (flags & flag) !== 0
  const setFlagsOn = {
    ...(has(setFlags.interval) ? { interval: true } : {}),
    ...(has(setFlags.timeout) ? { timeout: true } : {}),
    ...(has(setFlags.dynamic) ? { dynamic: true } : {}),
    ...(has(setFlags.constant) ? { constant: true } : {}),
  }
  const key = typeNames(attributes.keyType ?? 0, entryNumber(userdata, setUserdata.keyByteOrder))
  const data = has(setFlags.map)
    ? dataType === verdictTypeNumber
      ? ['verdict']
      : typeNames(dataType ?? 0, entryNumber(userdata, setUserdata.dataByteOrder))
    : undefined
  // nft leaves out parts of an example that it cannot write down: then it is none.
  const examples = (entry: number, names: readonly string[]) => {
    const operands = readTypeof(userdata, entry)
    return operands?.length === names.length ? operands : undefined
  }
  return {
    name: attributes.name ?? '',
    handle: attributes.handle ?? 0n,
    anonymous: has(setFlags.anonymous),
    key,
    keyBytes: Math.min(attributes.keyLength ?? 0, longestValue),
    ...optional('data', data),
    ...optional(
      'dataBytes',
      attributes.dataLength === undefined ? undefined : Math.min(attributes.dataLength, longestValue),
    ),
    ...(Object.keys(setFlagsOn).length > 0 ? { flags: setFlagsOn } : {}),
    ...(entryNumber(userdata, setUserdata.mergeElements) ? { autoMerge: true } : {}),
    ...optional('timeout', timeout === undefined ? undefined : Number(timeout)),
    ...optional('gcInterval', attributes.gcInterval),
    ...optional('size', attributes.description?.size),
    ...(attributes.policy === 1 ? { policy: 'memory' as const } : {}),
    ...optional('comment', entryText(userdata, setUserdata.comment)),
    ...optional('keyTypeof', examples(setUserdata.keyTypeof, key)),
    ...optional('dataTypeof', examples(setUserdata.dataTypeof, data ?? [])),
    ...(entryNumber(userdata, setUserdata.dataInterval) ? { dataInterval: true as const } : {}),
    ...optional(
      'fieldBytes',
      attributes.description?.fields?.map(field => field.length ?? 0),
    ),
    ...(has(setFlags.object) ? optional('objectType', objectType) : {}),
    ...optional('stateful', attributes.expressions ?? (attributes.expression && [attributes.expression])),
    elements: [],
  }
}

/** nft notes for numbers without a datatype of their own whether they lie in the CPU's byte order (1). */
const typeNames = (number: number, byteOrder: number | undefined): string[] => {
  const names = fieldsOf(number)?.map(type => type.name) ?? []
  return names.length === 1 && names[0] === 'integer' && byteOrder === 1 ? ['integer host'] : names
}

/** A named object. Throws DecodeError when its data have not the form of its type. */
export const toObject = ({ attributes }: ObjectMessage): ObjectState => {
  const common = {
    name: attributes.name ?? '',
    handle: attributes.handle ?? 0n,
    ...optional('comment', commentOf(attributes.userdata)),
  }
  const raw = attributes.data ?? new Uint8Array()
  const type = (Object.keys(objectTypes) as ObjectType[]).find(name => objectTypes[name] === attributes.type)
  if (type === undefined || type === 'tunnel')
    return { ...common, type: 'other', number: attributes.type ?? 0, data: raw }
  return { ...common, type, data: objectData[type].decode(raw, 0, raw.length) } as ObjectState
}

/** A flowtable. */
export const toFlowtable = ({ attributes }: FlowtableMessage): FlowtableState => ({
  name: attributes.name ?? '',
  handle: attributes.handle ?? 0n,
  hook: attributes.hook ?? {},
  flags: attributes.flags ?? 0,
})
