import { networkOf } from '../../../linux/net/prefix.ts'
import { tableName } from '../../../space/marks.ts'
import type { Drift } from '../../../space/reconcile/operation.ts'
import { status } from '../../../space/reconcile/status.ts'
import type { Facts } from '../facts.ts'
import { type CheckResult, type Finding, resultOf } from '../finding.ts'
import { againFix } from '../subject.ts'

/** What natspace itself made: is all of it there, and is what it is bound to still what is used? */
export const checkState = (facts: Facts): CheckResult => {
  const { kernel, paths, subject, uplink, seen } = facts
  const { space } = subject
  if (space === undefined) return resultOf([])
  const table = facts
    .ruleset(undefined)
    .tables.find(item => item.family === 'inet' && item.name === tableName)
  const [own] = status({ kernel, paths }, [space.name])
  const drift = own?.drift ?? []
  return resultOf(
    [
      table === undefined
        ? {
            code: 'FW-GONE' as const,
            what: 'the table inet natspace is not there',
            evidence: [
              `tables: ${
                facts
                  .ruleset(undefined)
                  .tables.map(item => `${item.family} ${item.name}`)
                  .join(', ') || 'none'
              }`,
            ],
            fix: againFix(facts.subject),
          }
        : undefined,
      space.uplink !== undefined && uplink !== undefined && uplink !== space.uplink && !space.internal
        ? {
            code: 'UP-CHANGED' as const,
            what: `${space.name} is bound to the uplink ${space.uplink}, and packets to ${facts.destination.address} leave by ${uplink}`,
            evidence: [`--uplink ${space.uplink}`, `route of this host: ${uplink}`],
            // Nothing is amiss with the space, and to bind it elsewhere may be what --uplink was to prevent.
            fix: { commands: [], undo: [] },
          }
        : undefined,
      ...sources(facts),
      driftFinding(facts, drift, table === undefined),
    ],
    seen.namespace(subject.path) === 'present' ? 'all that natspace made is there' : undefined,
  )
}

const sources = (facts: Facts): Finding[] => {
  const addresses = facts.links(undefined).flatMap(link => facts.addressesOf(undefined, link))
  return Object.values(facts.subject.space?.source ?? {})
    .filter(address => !addresses.some(item => item.address === address))
    .map(address => ({
      code: 'UP-CHANGED' as const,
      what: `${address}, the source that was asked for, is no address of this host any more`,
      evidence: [
        `--source ${address}`,
        `addresses: ${addresses.map(item => networkOf(`${item.address}/${item.prefixLength}`) && item.address).join(', ')}`,
      ],
      fix: againFix(facts.subject),
    }))
}

const driftFinding = (facts: Facts, drift: readonly Drift[], isGone: boolean): Finding | undefined => {
  const left = isGone
    ? drift.filter(({ resource }) => !/^(element|table|chain|set|rule)/.test(resource))
    : drift
  return left.length === 0
    ? undefined
    : {
        code: 'ST-DRIFT',
        what: `${left.length === 1 ? 'one thing differs' : `${left.length} things differ`} from what was asked for`,
        evidence: left
          .slice(0, 8)
          .map(({ resource, expected, found }) => `${resource}: expected ${expected}, found ${found}`),
        fix: againFix(facts.subject),
      }
}
