import type { Outcome } from '../../linux/nftables/evaluate/index.ts'
import type { Instruction, Ruleset } from '../../linux/nftables/index.ts'
import { ruleOf } from '../../space/firewall/places.ts'

/**
 * Zones of connection tracking, which rules set in front of it: an answer in another zone than the request is of no
 * connection that is known. A zone that is not written in the rule itself is taken for another one each time.
 */

const setsZone = (instruction: Instruction): boolean =>
  (instruction.name === 'ct' && instruction.data.key === 'zone' && instruction.data.dreg === undefined) ||
  zoneOfTarget(instruction) !== undefined

/** struct xt_ct_target_info, linux/netfilter/xt_CT.h: flags, then the zone. Equivalent to: `-j CT --zone N` */
const zoneOfTarget = (instruction: Instruction): Uint8Array | undefined => {
  if (instruction.name !== 'target' || instruction.data.name !== 'CT') return undefined
  const zone = instruction.data.info?.subarray(2, 4)
  return zone?.some(byte => byte !== 0) ? zone : undefined
}

/** The zones that rules have set, or may have set, as texts to compare. Pure. */
export const zonesSet = (ruleset: Ruleset, { steps }: Outcome, packet: string): string[] =>
  steps
    .flatMap(({ visits }) => visits)
    .flatMap(({ by, match }): string[] => {
      const instructions = ruleOf(ruleset, by)?.instructions ?? []
      const at = instructions.findIndex(setsZone)
      if (at < 0) return []
      const [before, setter] = [instructions[at - 1], instructions[at]]
      const constant = before?.name === 'immediate' ? before.data.data?.value : undefined
      const value = setter && (zoneOfTarget(setter) ?? constant)
      return [match === true && value !== undefined ? `${value}` : `${by.rule.handle} ${packet}`]
    })
