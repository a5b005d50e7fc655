import type { Change, ChangeError } from '../linux/change.ts'
import { NatspaceError } from './errors.ts'

const privilegeCodes = new Set(['EPERM', 'EACCES'])
const missingCodes = new Set(['EOPNOTSUPP', 'EPROTONOSUPPORT', 'EAFNOSUPPORT'])

/** The error that leaves natspace for a change that the kernel refused: NOT_PERMITTED, KERNEL_FEATURE_MISSING or APPLY_FAILED. */
export const refusedChange = (failure: ChangeError): NatspaceError => {
  const { change, code } = failure
  const reason = failure.cause instanceof Error ? failure.cause.message : failure.message
  const facts = {
    what: `cannot ${verbOf(change)}`,
    why: reason,
    evidence: [
      JSON.stringify(change, (_key, value: unknown) =>
        typeof value === 'bigint' ? String(value) : value,
      ).slice(0, 600),
    ],
    cause: failure,
  }
  if (code !== undefined && privilegeCodes.has(code))
    return new NatspaceError({
      ...facts,
      code: 'NOT_PERMITTED',
      exit: 4,
      fix: ['run it as root (sudo natspace …), or try everything without root in: natspace lab shell'],
    })
  if (code !== undefined && missingCodes.has(code))
    return new NatspaceError({
      ...facts,
      code: 'KERNEL_FEATURE_MISSING',
      exit: 6,
      fix: [
        'load or enable what is missing (veth, nf_tables with NAT), or reboot if the kernel was upgraded',
      ],
    })
  return new NatspaceError({ ...facts, code: 'APPLY_FAILED', exit: 1 })
}

const verbOf = (change: Change): string => {
  switch (change.type) {
    case 'namespace.add':
    case 'namespace.delete':
      return `${change.type === 'namespace.add' ? 'create' : 'remove'} the namespace ${change.path}`
    case 'veth.add':
      return `create the cable ${change.name}--${change.peer.name}`
    case 'link.set':
      return `change the link ${change.name}`
    case 'link.delete':
      return `remove the link ${change.name}`
    case 'address.add':
      return `give ${change.address}/${change.prefixLength} to ${change.name}`
    case 'address.delete':
      return `take ${change.address}/${change.prefixLength} from ${change.name}`
    case 'route.add':
    case 'route.delete':
      return `${change.type === 'route.add' ? 'add' : 'remove'} the route to ${change.destination}`
    case 'sysctl.set':
      return `set ${change.key} to ${change.value}`
    case 'nftables.commit':
    case 'nftables.delete-rules':
      return 'change the firewall'
    default:
      return `change ${change.path}`
  }
}
