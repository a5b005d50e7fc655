import { capability, lackingCapabilities } from '../linux/sys/process.ts'
import { NatspaceError } from '../space/errors.ts'
import { privilegeFix } from './report-failure.ts'

const names = new Map<number, string>([
  [capability.netAdmin, 'CAP_NET_ADMIN'],
  [capability.sysAdmin, 'CAP_SYS_ADMIN'],
])

/** Throws NatspaceError NOT_PERMITTED (exit 4) unless this process may change networks and namespaces. */
export const requirePrivilege = (command: string): void => {
  const lacking = lackingCapabilities([...names.keys()]).map(bit => names.get(bit))
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
