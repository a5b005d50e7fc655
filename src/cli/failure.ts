import { ChangeError } from '../linux/change.ts'
import { NetlinkError } from '../linux/netlink/errors.ts'
import { type Ask, probe } from '../linux/probe.ts'
import { SystemError } from '../linux/sys/errno.ts'
import { NamespaceError } from '../linux/sys/namespace.ts'
import { NatspaceError } from '../space/errors.ts'
import { refusedQuestion } from '../space/refused-change.ts'
import { type Failure, privilegeFix } from './report-failure.ts'

const privilegeCodes = new Set(['EPERM', 'EACCES'])
/** How a kernel without nf_tables answers: no such socket, or no such message. Only the probes decide. */
const suspicious = new Set(['EOPNOTSUPP', 'EPROTONOSUPPORT', 'EAFNOSUPPORT', 'EINVAL'])

/**
 * Any error as a failure: ours as it is, the kernel's by its errno, everything else as a bug of natspace. Where the
 * kernel's answer may mean that it lacks something, `ask` tells what.
 */
export const failureOf = (error: unknown, ask: Ask = probe): Failure => {
  if (error instanceof NatspaceError) {
    const { code, exit, what, why, evidence, fix } = error
    return { code, exit, what, why, evidence, fix }
  }
  if (error instanceof NamespaceError) return namespaceFailure(error)
  const ofKernel =
    error instanceof NetlinkError || error instanceof SystemError || error instanceof ChangeError
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined
  if (code !== undefined && (ofKernel || isFileError(error))) {
    const missing = ofKernel && suspicious.has(code) ? refusedQuestion(error, ask) : undefined
    return missing === undefined ? kernelFailure(error as Error, code) : failureOf(missing)
  }
  return internalFailure(error)
}

/** Errors of node:fs name the call and an errno. */
const isFileError = (error: unknown): boolean =>
  error instanceof Error && 'syscall' in error && 'errno' in error

const kernelFailure = (error: Error, code: string): Failure => {
  const facts = { what: 'cannot go on', why: error.message, evidence: [] }
  if (privilegeCodes.has(code))
    return {
      ...facts,
      code: 'NOT_PERMITTED',
      exit: 4,
      why: `the kernel refused it: ${error.message}`,
      fix: privilegeFix,
    }
  return { ...facts, code: 'SYSTEM_ERROR', exit: 1, fix: ['look at the message of the kernel above'] }
}

const namespaceFailure = ({ path, reason }: NamespaceError): Failure => {
  const facts = { what: `cannot enter the namespace ${path}`, evidence: [`${path}: ${reason}`] }
  switch (reason) {
    case 'missing':
      return {
        ...facts,
        code: 'NO_NAMESPACE',
        exit: 1,
        why: 'there is no such namespace',
        fix: ['natspace ls and ip netns list show those that are there'],
      }
    case 'no-access':
      return { ...facts, code: 'NOT_PERMITTED', exit: 4, why: 'this user may not open it', fix: privilegeFix }
    default:
      return {
        ...facts,
        code: 'NS-STALE',
        exit: 1,
        why: reason === 'another-kind' ? 'it is a namespace of another kind' : 'it is no namespace',
        fix: [`look at it, and if nothing needs it: rm ${path}`],
      }
  }
}

const internalFailure = (error: unknown): Failure => ({
  code: 'INTERNAL',
  exit: 1,
  what: 'natspace failed',
  why: `this is a mistake in natspace itself: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`,
  evidence: [],
  fix: ['run it again with -v, and report what it prints'],
  ...(error instanceof Error && error.stack !== undefined ? { stack: error.stack } : {}),
})
