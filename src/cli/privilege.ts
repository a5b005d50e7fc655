import { capability, lackingCapabilities } from '../linux/sys/process.ts'
import { NatspaceError } from '../space/errors.ts'
import { privilegeFix } from './report-failure.ts'

const names = new Map<number, string>([
  [capability.netAdmin, 'CAP_NET_ADMIN'],
  [capability.netBroadcast, 'CAP_NET_BROADCAST'],
  [capability.sysAdmin, 'CAP_SYS_ADMIN'],
])

const usual = [capability.netAdmin, capability.sysAdmin]

/** Throws NatspaceError NOT_PERMITTED (exit 4) unless this process may change networks and namespaces, and whatever `more` says. */
export const requirePrivilege = (command: string, more: readonly number[] = []): void => {
  const lacking = lackingCapabilities([...usual, ...more]).map(bit => names.get(bit))
  if (lacking.length === 0) return
  throw new NatspaceError({
    code: 'NOT_PERMITTED',
    exit: 4,
    what: `cannot run natspace ${command}`,
    why: 'it changes namespaces and networks, which needs root',
    evidence: [`user ${process.geteuid?.() ?? 'unknown'} lacks ${lacking.join(' and ')}`],
    fix: privilegeFix,
  })
}
