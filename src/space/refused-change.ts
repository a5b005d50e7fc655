import type { Change, ChangeError } from '../linux/change.ts'
import { type Ask, type Feature, type MissingFeature, missingFeatures } from '../linux/probe.ts'
import { type ErrorFacts, NatspaceError } from './errors.ts'

const privilegeCodes = new Set(['EPERM', 'EACCES'])

/** Refusals that may come from a kernel that lacks something; ENOENT may as well mean a set that somebody removed. */
const suspicious = new Set(['EOPNOTSUPP', 'ENOENT', 'EPROTONOSUPPORT', 'EAFNOSUPPORT'])

/** What the changes of natspace need of the kernel. */
const neededBy: Partial<Record<Change['type'], readonly Feature[]>> = {
  'veth.add': ['veth'],
  'qdisc.replace': ['tbf'],
  'nftables.commit': ['masquerade', 'dnat', 'fib', 'ct', 'interval-concatenation', 'tcp-option', 'rt'],
}

/**
 * The error that leaves natspace for a change that the kernel refused: NOT_PERMITTED, KERNEL_FEATURE_MISSING or
 * APPLY_FAILED. Where the refusal looks like it, `ask` tells what the kernel lacks; without it that is not looked into.
 */
export const refusedChange = (failure: ChangeError, ask?: Ask): NatspaceError => {
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
  const missing = ask === undefined ? [] : missingFor(failure, ask)
  if (missing.length > 0) return lacking(facts, missing)
  return new NatspaceError({ ...facts, code: 'APPLY_FAILED', exit: 1 })
}

const missingFor = ({ change, code }: ChangeError, ask: Ask): MissingFeature[] =>
  code !== undefined && suspicious.has(code) ? missingFeatures(neededBy[change.type] ?? [], ask) : []

/**
 * The error for a question that the kernel refused, where that is because it has no nf_tables at all: then already reading
 * the ruleset fails, before any change. Undefined when nothing is certainly missing.
 */
export const refusedQuestion = (cause: Error, ask?: Ask): NatspaceError | undefined => {
  const missing = missingFeatures(['veth', 'inet'], ask)
  if (missing.length === 0) return undefined
  return lacking({ what: 'cannot look at the network', why: cause.message, evidence: [], cause }, missing)
}

const lacking = (
  facts: Pick<ErrorFacts, 'what' | 'why' | 'cause'> & { evidence: string[] },
  missing: readonly MissingFeature[],
): NatspaceError => {
  const options = [...new Set(missing.map(({ option }) => option))]
  return new NatspaceError({
    ...facts,
    code: 'KERNEL_FEATURE_MISSING',
    exit: 6,
    why: `this kernel lacks ${missing.map(({ feature, option }) => `${feature} (${option})`).join(', ')}`,
    evidence: [
      facts.why,
      ...missing.map(({ feature, purpose, evidence }) => `${feature}, for ${purpose}: ${evidence}`),
      ...facts.evidence,
    ],
    fix: [
      'reboot, if the kernel was upgraded since the machine started: the modules of the running one are gone then',
      `otherwise use a kernel that has, built in or as modules: ${options.join(', ')}`,
    ],
  })
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
    case 'qdisc.replace':
    case 'qdisc.delete':
      return `${change.type === 'qdisc.replace' ? 'limit' : 'no longer limit'} the rate of ${change.name}`
    case 'sysctl.set':
      return `set ${change.key} to ${change.value}`
    case 'nftables.commit':
    case 'nftables.delete-rules':
      return 'change the firewall'
    case 'program.run':
      return `change the firewall by ${change.program}`
    case 'conntrack.delete':
      return 'delete tracked connections'
    default:
      return `change ${change.path}`
  }
}
