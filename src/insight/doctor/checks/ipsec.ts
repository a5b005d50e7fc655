import type { Where } from '../../../linux/change.ts'
import { concerns, type XfrmPolicy, xfrmPolicies } from '../../../linux/xfrm/policy.ts'
import type { Story } from '../../trace/story.ts'
import type { Facts } from '../facts.ts'
import { type CheckResult, type Finding, noFix, nothing, resultOf } from '../finding.ts'
import { runInside } from '../subject.ts'

/** Policies of IPsec that concern the packet or its answer. To be looked at where no answer came. */
export const checkIpsec = (facts: Facts, story: Story | undefined): CheckResult => {
  const { source, destination, uplink, seen } = facts
  if (source === undefined) return nothing
  const link = uplink === undefined ? undefined : seen.link(undefined, uplink)
  const own = facts.addressesOf(undefined, link).map(({ address }) => address)
  const [from, to] = [source, destination.address]
  const packets = [
    { source: from, destination: to },
    { source: to, destination: from },
    // As it leaves, and as the answer comes.
    ...own.flatMap(address => [
      { source: address, destination: to },
      { source: to, destination: address },
    ]),
  ]
  const guilty = (where: Where): Finding[] =>
    xfrmPolicies(where)
      .filter(({ action, hasTemplates }) => action === 'block' || hasTemplates)
      .filter(policy => packets.some(packet => concerns(policy, packet)))
      .map(policy => findingOf(facts, where, policy))
  const found = [...guilty(undefined), ...guilty(facts.inside)]
  if (found.length > 0) return resultOf(found.slice(0, 1))
  // Without a policy that says so it may be the default that blocks (ip xfrm policy setdefault); or the kernel spoke of a
  // packet of another namespace, as it tells of the whole machine.
  const said = story?.end.evidence.filter(text => text.includes('XFRM_POLICY')) ?? []
  return resultOf([
    said.length === 0
      ? undefined
      : {
          code: 'FW-XFRM',
          severity: 'notice',
          what: 'the default policy of IPsec may stop it',
          evidence: said,
          fix: noFix,
        },
  ])
}

const findingOf = (facts: Facts, where: Where, policy: XfrmPolicy): Finding => {
  const { source, destination, direction, action } = policy
  const words = `src ${source} dst ${destination} dir ${direction}`
  const place = where === undefined ? 'of this host' : 'inside'
  const run = (command: string) => (where === undefined ? command : runInside(facts.subject, command))
  return {
    code: 'FW-XFRM',
    what: `a policy of IPsec ${place} ${action === 'block' ? 'blocks' : 'wants encrypted'} what goes from ${source} to ${destination}`,
    evidence: [`ip xfrm policy: ${words} action ${action}`],
    fix:
      action === 'block'
        ? {
            commands: [run(`ip xfrm policy delete ${words}`)],
            undo: [run(`ip xfrm policy add ${words} action ${action}`)],
          }
        : noFix,
  }
}
