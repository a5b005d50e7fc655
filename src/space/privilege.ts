import { capability, lackingCapabilities } from '../linux/sys/process.ts'
import { NatspaceError } from './errors.ts'

/** What to do where privilege is missing. */
export const privilegeFix = [
  'run it as root: sudo natspace …',
  'or try everything without root, in a lab of namespaces: natspace lab shell',
]

const names = new Map<number, string>([
  [capability.netAdmin, 'CAP_NET_ADMIN'],
  [capability.netBroadcast, 'CAP_NET_BROADCAST'],
  [capability.sysAdmin, 'CAP_SYS_ADMIN'],
])

const usual = [capability.netAdmin, capability.sysAdmin]

/**
 * Throws NatspaceError NOT_PERMITTED (exit 4) unless this process may change networks and namespaces, and whatever `more` says.
 * `what`: what cannot be done then.
 */
export const requireCapabilities = (
  what: string,
  more: readonly number[] = [],
  fix: string[] = privilegeFix,
): void => {
  const lacking = lackingCapabilities([...usual, ...more]).map(bit => names.get(bit))
  if (lacking.length === 0) return
  throw new NatspaceError({
    code: 'NOT_PERMITTED',
    exit: 4,
    what,
    why: 'it changes namespaces and networks, which needs root',
    evidence: [`user ${process.geteuid?.() ?? 'unknown'} lacks ${lacking.join(' and ')}`],
    fix,
  })
}
