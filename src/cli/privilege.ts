import { capability, hasCapability } from '../linux/sys/process.ts'
import { NatspaceError } from '../space/errors.ts'
import { privilegeFix } from './failure.ts'

const needed = [
  ['CAP_NET_ADMIN', capability.netAdmin],
  ['CAP_SYS_ADMIN', capability.sysAdmin],
] as const

/** Throws NatspaceError NOT_PERMITTED (exit 4) unless this process may change networks and namespaces. */
export const requirePrivilege = (command: string): void => {
  const lacking = needed.filter(([, bit]) => !hasCapability(bit)).map(([name]) => name)
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
