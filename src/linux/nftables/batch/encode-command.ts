import { type Request, request } from '../../netlink/connection.ts'
import { NLM_F } from '../../netlink/message.ts'
import type { Family } from '../family.ts'
import { hookNumber } from '../hook.ts'
import { compiler } from '../late.ts'
import { chainMessage } from '../messages/chain.ts'
import { type ElementAttributes, elementsMessage } from '../messages/element.ts'
import { headerOf, type MessageName, messageTypes } from '../messages/header.ts'
import { ruleMessage } from '../messages/rule.ts'
import { setMessage } from '../messages/set.ts'
import { tableFlags, tableMessage } from '../messages/table.ts'
import { encodeElements } from '../sets/encode-elements.ts'
import { setAttributes } from '../sets/named-set.ts'
import { commentUserdata } from '../userdata.ts'
import type { ChainSpec, NftCommand } from './command.ts'

const { create, exclusive, append, replace } = NLM_F

const typed = (name: MessageName, flags: number) => [name, messageTypes[name], flags] as const

/**
 * The netlink messages of a command: one, or several for many elements. `nextId` numbers the sets of a batch. Throws
 * EncodeError, RangeError or CompileError when the command cannot be carried out as it is written.
 */
export const encodeCommand = (command: NftCommand, nextId: () => number): Request[] => {
  const { family, table } = command
  const header = headerOf(family)
  switch (command.type) {
    case 'table.add':
    case 'table.create': {
      const flags = (command.flags ?? []).reduce((sum, flag) => sum | tableFlags[flag], 0)
      const attributes = {
        name: table,
        flags,
        ...(command.comment === undefined ? {} : { userdata: commentUserdata(command.comment) }),
      }
      const exists = command.type === 'table.create' ? exclusive : 0
      return [request(...typed('NFT_MSG_NEWTABLE', exists), tableMessage, { header, attributes })]
    }
    case 'table.delete':
      return [request(...typed('NFT_MSG_DELTABLE', 0), tableMessage, { header, attributes: { name: table } })]
    case 'table.flush':
      return [request(...typed('NFT_MSG_DELRULE', 0), ruleMessage, { header, attributes: { table } })]
    case 'chain.add':
    case 'chain.create': {
      const exists = command.type === 'chain.create' ? create | exclusive : create
      const attributes = chainAttributes(command, command.chain)
      return [request(...typed('NFT_MSG_NEWCHAIN', exists), chainMessage, { header, attributes })]
    }
    case 'chain.delete': {
      const attributes = { table, name: command.chain }
      return [request(...typed('NFT_MSG_DELCHAIN', 0), chainMessage, { header, attributes })]
    }
    case 'chain.flush': {
      const attributes = { table, chain: command.chain }
      return [request(...typed('NFT_MSG_DELRULE', 0), ruleMessage, { header, attributes })]
    }
    case 'set.add':
    case 'set.create': {
      const exists = command.type === 'set.create' ? create | exclusive : create
      const attributes = setAttributes(table, command.set, nextId())
      return [request(...typed('NFT_MSG_NEWSET', exists), setMessage, { header, attributes })]
    }
    case 'set.delete': {
      const attributes = { table, name: command.set }
      return [request(...typed('NFT_MSG_DELSET', 0), setMessage, { header, attributes })]
    }
    case 'set.flush': {
      const attributes = { table, set: command.set }
      return [request(...typed('NFT_MSG_DELSETELEM', 0), elementsMessage, { header, attributes })]
    }
    case 'rule.add':
    case 'rule.insert':
    case 'rule.replace':
      return [encodeRule(command)]
    case 'rule.delete': {
      const attributes = { table, chain: command.chain, handle: command.handle }
      return [request(...typed('NFT_MSG_DELRULE', 0), ruleMessage, { header, attributes })]
    }
    case 'element.add':
    case 'element.create':
    case 'element.delete':
      return encodeElementCommand(command)
  }
}

const chainAttributes = ({ family, table }: NftCommand, chain: ChainSpec) => ({
  table,
  name: chain.name,
  ...(chain.comment === undefined ? {} : { userdata: commentUserdata(chain.comment) }),
  ...(chain.hook === undefined ? {} : hookAttributes(family, chain, chain.hook)),
})

const hookAttributes = (family: Family, chain: ChainSpec, hook: NonNullable<ChainSpec['hook']>) => ({
  type: chain.type ?? 'filter',
  ...(chain.policy === undefined ? {} : { policy: chain.policy === 'drop' ? 0 : 1 }),
  hook: {
    number: hookNumber(family, hook),
    priority: chain.priority ?? 0,
    ...devicesOf(chain.devices ?? []),
  },
})

const devicesOf = (devices: readonly string[]) => {
  const [device, ...more] = devices
  if (device === undefined) return {}
  return more.length === 0 ? { device } : { devices: [...devices] }
}

const encodeRule = (
  command: Extract<NftCommand, { type: 'rule.add' | 'rule.insert' | 'rule.replace' }>,
): Request => {
  const { family, table, chain, rule } = command
  const flags = { 'rule.add': create | append, 'rule.insert': create, 'rule.replace': replace }[command.type]
  return request(...typed('NFT_MSG_NEWRULE', flags), ruleMessage, {
    header: headerOf(family),
    attributes: {
      table,
      chain,
      ...(command.type === 'rule.replace' ? { handle: command.handle } : {}),
      ...('position' in command && command.position !== undefined ? { position: command.position } : {}),
      ...(rule.comment === undefined ? {} : { userdata: commentUserdata(rule.comment) }),
      expressions: compiler().compile(rule, family),
    },
  })
}

/** What the elements of one message may take: an attribute holds 65,535 bytes with its header. */
const elementsLimit = 65_000

/** Bytes of an element on the wire, or a little more. */
const elementSize = (element: ElementAttributes): number =>
  4 +
  (element.flags === undefined ? 0 : 8) +
  (element.timeout === undefined ? 0 : 12) +
  (element.key?.value ? 8 + ((element.key.value.length + 3) & ~3) : 0) +
  (element.keyEnd?.value ? 8 + ((element.keyEnd.value.length + 3) & ~3) : 0) +
  (element.data?.value ? 8 + ((element.data.value.length + 3) & ~3) : 0) +
  (element.data?.verdict ? 300 : 0) +
  (element.object === undefined ? 0 : 300) +
  (element.userdata === undefined ? 0 : 8 + element.userdata.length) +
  (element.expression === undefined && element.expressions === undefined ? 0 : 400)

const encodeElementCommand = (
  command: Extract<NftCommand, { type: 'element.add' | 'element.create' | 'element.delete' }>,
): Request[] => {
  const { family, table, set } = command
  const [name, flags] =
    command.type === 'element.delete'
      ? (['NFT_MSG_DELSETELEM', 0] as const)
      : (['NFT_MSG_NEWSETELEM', command.type === 'element.add' ? create : create | exclusive] as const)
  const requests: Request[] = []
  let chunk: ElementAttributes[] = []
  let size = 0
  const flush = () => {
    if (chunk.length === 0) return
    requests.push(
      request(...typed(name, flags), elementsMessage, {
        header: headerOf(family),
        attributes: { table, set: set.name, elements: chunk },
      }),
    )
    chunk = []
    size = 0
  }
  for (const element of encodeElements(set, command.elements)) {
    const next = elementSize(element)
    if (size + next > elementsLimit) flush()
    chunk.push(element)
    size += next
  }
  flush()
  return requests
}
