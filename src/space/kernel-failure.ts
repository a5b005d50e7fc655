import { ChangeError } from '../linux/change.ts'
import { NetlinkError } from '../linux/netlink/errors.ts'
import { type Ask, probe } from '../linux/probe.ts'
import { SystemError } from '../linux/sys/errno.ts'
import { NamespaceError } from '../linux/sys/namespace.ts'
import { type ErrorFacts, NatspaceError } from './errors.ts'
import { privilegeFix } from './privilege.ts'
import { refusedQuestion } from './refused-change.ts'

const privilegeCodes = new Set(['EPERM', 'EACCES'])
/** How a kernel without nf_tables answers: no such socket, or no such message. Only the probes decide. */
const suspicious = new Set(['EOPNOTSUPP', 'EPROTONOSUPPORT', 'EAFNOSUPPORT', 'EINVAL'])

/**
 * What the kernel or the file system refused, as the facts of an error, by its errno; undefined for any other error. Where
 * the kernel's answer may mean that it lacks something, `ask` tells what.
 */
export const kernelFailure = (error: unknown, ask: Ask = probe): ErrorFacts | undefined => {
  if (error instanceof NatspaceError || !(error instanceof Error)) return undefined
  if (error instanceof NamespaceError) return namespaceFailure(error)
  const ofKernel =
    error instanceof NetlinkError || error instanceof SystemError || error instanceof ChangeError
  const code = 'code' in error ? String(error.code) : undefined
  if (code === undefined || !(ofKernel || isFileError(error))) return undefined
  const missing = ofKernel && suspicious.has(code) ? refusedQuestion(error, ask) : undefined
  if (missing === undefined) return refusal(error, code)
  const { code: feature, exit, what, why, evidence, fix } = missing
  return { code: feature, exit, what, why, evidence, fix }
}

/** Errors of node:fs name the call and an errno. */
const isFileError = (error: Error): boolean => 'syscall' in error && 'errno' in error

const refusal = (error: Error, code: string): ErrorFacts => {
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

const namespaceFailure = ({ path, reason }: NamespaceError): ErrorFacts => {
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
