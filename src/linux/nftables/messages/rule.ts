import { attributes, list } from '../../netlink/composite.ts'
import { type MessageOf, message } from '../../netlink/message.ts'
import { be32, be64, bytes, cstring } from '../../netlink/scalars.ts'
import { expression } from '../expressions/index.ts'
import { nfgenmsg } from './header.ts'

/** NFTA_RULE_COMPAT, enum nft_rule_compat_attributes: the protocol that iptables-nft checked its extensions for. */
const compat = attributes({
  protocol: [1, be32, 'NFTA_RULE_COMPAT_PROTO'],
  flags: [2, be32, 'NFTA_RULE_COMPAT_FLAGS'],
})

/** What a rule does, in order. */
export const ruleExpressions = list(expression)

/** NFT_MSG_{NEW,GET,DEL}RULE. enum nft_rule_attributes. Equivalent to: `nft add rule …` */
export const ruleMessage = message('NFT_RULE', nfgenmsg, {
  table: [1, cstring, 'NFTA_RULE_TABLE'],
  chain: [2, cstring, 'NFTA_RULE_CHAIN'],
  chainId: [11, be32, 'NFTA_RULE_CHAIN_ID'],
  handle: [3, be64, 'NFTA_RULE_HANDLE'],
  /** Of the rule before which (NLM_F_APPEND: behind which) a new one goes; in a dump, of the rule in front. */
  position: [6, be64, 'NFTA_RULE_POSITION'],
  id: [9, be32, 'NFTA_RULE_ID'],
  positionId: [10, be32, 'NFTA_RULE_POSITION_ID'],
  userdata: [7, bytes, 'NFTA_RULE_USERDATA'],
  expressions: [4, ruleExpressions, 'NFTA_RULE_EXPRESSIONS'],
  compat: [5, compat, 'NFTA_RULE_COMPAT'],
})
export type RuleMessage = MessageOf<typeof ruleMessage>

/** As ruleMessage, for reading lists: what the rule does stays bytes until somebody asks. */
export const listedRuleMessage = message(
  'NFT_RULE',
  nfgenmsg,
  {
    table: [1, cstring, 'NFTA_RULE_TABLE'],
    chain: [2, cstring, 'NFTA_RULE_CHAIN'],
    handle: [3, be64, 'NFTA_RULE_HANDLE'],
    userdata: [7, bytes, 'NFTA_RULE_USERDATA'],
    expressions: [4, bytes, 'NFTA_RULE_EXPRESSIONS'],
  },
  false,
)
