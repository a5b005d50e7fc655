import { spaceOfAlias } from '../../../space/marks.ts'
import type { Facts } from '../facts.ts'
import { type CheckResult, type Finding, resultOf, together } from '../finding.ts'
import { checkForwarding } from './forwarding.ts'

/** What everybody may see of a namespace that may not be entered: the host end of a cable of natspace, and settings. */
export const checkOutside = (facts: Facts): CheckResult => {
  const { name, path } = facts.subject
  const space = /^\/run\/netns\/([^/]+)$/.exec(path)?.[1] ?? name
  const host = facts.links(undefined).find(({ alias }) => spaceOfAlias(alias) === space)
  const down: Finding | undefined =
    host === undefined || host.up
      ? undefined
      : {
          code: 'LNK-DOWN',
          what: `${host.name}, the host end of its cable, is down`,
          evidence: [`${host.name}: not UP`],
          fix: { commands: [`ip link set ${host.name} up`], undo: [`ip link set ${host.name} down`] },
        }
  const words = `${host?.name}, the host end of its cable: up, ${host?.carrier ? 'with' : 'without'} a carrier`
  return together([
    host === undefined ? resultOf([]) : resultOf([down], words),
    checkForwarding(facts),
    {
      fine: [],
      findings: [],
      unchecked: ['the rules of the firewall, and the way of a packet: both need root'],
    },
  ])
}
