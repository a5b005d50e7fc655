import { parsePrefix } from '../net/prefix.ts'
import { struct } from '../netlink/composite.ts'
import { type Request, request } from '../netlink/connection.ts'
import { type MessageOf, message, NLM_F } from '../netlink/message.ts'
import { cstring, ip, u8, u32 } from '../netlink/scalars.ts'
import { familyNumber, RTM } from './types.ts'

/** RTM_NEWRULE, RTM_DELRULE, RTM_GETRULE. struct fib_rule_hdr, linux/fib_rules.h. Equivalent to: `ip rule …` */
export const ruleMessage = message(
  'struct fib_rule_hdr',
  struct({
    family: u8,
    destinationLength: u8,
    sourceLength: u8,
    tos: u8,
    table: u8,
    reserved1: u8,
    reserved2: u8,
    action: u8,
    flags: u32,
  }),
  {
    destination: [1, ip, 'FRA_DST'],
    source: [2, ip, 'FRA_SRC'],
    inputName: [3, cstring, 'FRA_IIFNAME'],
    goto: [4, u32, 'FRA_GOTO'],
    priority: [6, u32, 'FRA_PRIORITY'],
    mark: [10, u32, 'FRA_FWMARK'],
    suppressPrefixLength: [14, u32, 'FRA_SUPPRESS_PREFIXLEN'],
    table: [15, u32, 'FRA_TABLE'],
    markMask: [16, u32, 'FRA_FWMASK'],
    outputName: [17, cstring, 'FRA_OIFNAME'],
    protocol: [21, u8, 'FRA_PROTOCOL'],
  } as const,
)
export type RuleMessage = MessageOf<typeof ruleMessage>

/** One policy-routing rule. */
export type Rule = {
  family: 4 | 6
  priority: number
  /** 'all' or a prefix. */
  source: string
  destination: string
  inputName: string | undefined
  outputName: string | undefined
  mark: number | undefined
  markMask: number | undefined
  table: number
  /** FR_ACT_*: 1 look up the table, 6 blackhole, 7 unreachable, 8 prohibit. */
  action: number
  /** FIB_RULE_INVERT: matches everything else. */
  inverted: boolean
  /** What else it asks for, by the words of ip(8): 'ipproto', 'uidrange'. Absent where it asks for nothing else. */
  otherConditions?: readonly string[]
}

const FIB_RULE_INVERT = 2

/** FRA_* that limit what a rule applies to, and that are not read: linux/fib_rules.h. */
const conditionNames: Readonly<Record<number, string>> = {
  12: 'tun_id',
  13: 'suppress_ifgroup',
  19: 'l3mdev',
  20: 'uidrange',
  22: 'ipproto',
  23: 'sport',
  24: 'dport',
  25: 'dscp',
  26: 'flowlabel',
}
/** Behind those known here there may be more in newer kernels, and most of them are conditions. */
const lastKnown = 26

/** No prefix is too short: how the kernel says that nothing is suppressed. */
const suppressNothing = 0xffffffff

const otherConditions = ({ header, attributes }: RuleMessage): { otherConditions?: string[] } => {
  const suppressed = attributes.suppressPrefixLength ?? suppressNothing
  const names = [
    ...(header.tos === 0 ? [] : ['tos']),
    ...(suppressed === suppressNothing ? [] : ['suppress_prefixlength']),
    ...(attributes.unknown ?? []).flatMap(
      ({ type }) => conditionNames[type] ?? (type > lastKnown ? `attribute ${type}` : []),
    ),
  ]
  return names.length === 0 ? {} : { otherConditions: names }
}

const selector = (address: string | undefined, length: number): string =>
  address === undefined ? 'all' : `${address}/${length}`

/** A rule from its message. */
export const toRule = ({ header, attributes }: RuleMessage): Rule => ({
  family: header.family === familyNumber(4) ? 4 : 6,
  priority: attributes.priority ?? 0,
  source: selector(attributes.source, header.sourceLength),
  destination: selector(attributes.destination, header.destinationLength),
  inputName: attributes.inputName,
  outputName: attributes.outputName,
  mark: attributes.mark,
  markMask: attributes.markMask,
  table: attributes.table ?? header.table,
  action: header.action,
  inverted: (header.flags & FIB_RULE_INVERT) !== 0,
  ...otherConditions({ header, attributes }),
})

/** All rules of a family. Without one the rules of multicast routing come too: see `isIp`. Equivalent to: `ip rule show` */
export const listRules = (family: 0 | 4 | 6 = 0): Request =>
  request('RTM_GETRULE', RTM.getRule, 0, ruleMessage, {
    header: {
      family: family === 0 ? 0 : familyNumber(family),
      destinationLength: 0,
      sourceLength: 0,
      tos: 0,
      table: 0,
      reserved1: 0,
      reserved2: 0,
      action: 0,
      flags: 0,
    },
    attributes: {},
  })

/** A rule that looks a table up. `priority`: the lower, the earlier it is asked. */
export type RuleChange = {
  family: 4 | 6
  priority: number
  table: number
  /** A prefix, `10.0.0.0/8`; left out: any. */
  source?: string
  destination?: string
}

const FR_ACT_TO_TBL = 1

const change = (name: string, type: number, flags: number, rule: RuleChange): Request => {
  const [source, destination] = [parsePrefix(rule.source ?? ''), parsePrefix(rule.destination ?? '')]
  return request(name, type, flags, ruleMessage, {
    header: {
      family: familyNumber(rule.family),
      destinationLength: destination?.length ?? 0,
      sourceLength: source?.length ?? 0,
      tos: 0,
      table: rule.table < 256 ? rule.table : 0,
      reserved1: 0,
      reserved2: 0,
      action: FR_ACT_TO_TBL,
      flags: 0,
    },
    attributes: {
      priority: rule.priority,
      table: rule.table,
      ...(source === undefined ? {} : { source: source.address }),
      ...(destination === undefined ? {} : { destination: destination.address }),
    },
  })
}

/** Adds a rule. Equivalent to: `ip rule add [from SOURCE] [to DEST] lookup TABLE priority PRIORITY` */
export const addRule = (rule: RuleChange): Request =>
  change('RTM_NEWRULE', RTM.newRule, NLM_F.create | NLM_F.exclusive, rule)

/** Deletes a rule. Equivalent to: `ip rule delete …` */
export const deleteRule = (rule: RuleChange): Request => change('RTM_DELRULE', RTM.deleteRule, 0, rule)
