import { type Ask, probe } from '../linux/probe.ts'
import { NatspaceError } from '../space/errors.ts'
import { kernelFailure } from '../space/kernel-failure.ts'
import type { Failure } from './report-failure.ts'

/**
 * Any error as a failure: ours as it is, the kernel's by its errno, everything else as a bug of natspace. Where the
 * kernel's answer may mean that it lacks something, `ask` tells what.
 */
export const failureOf = (error: unknown, ask: Ask = probe): Failure => {
  const facts = error instanceof NatspaceError ? error : kernelFailure(error, ask)
  if (facts === undefined) return internalFailure(error)
  const { code, exit, what, why, evidence = [], fix = [] } = facts
  return { code, exit, what, why, evidence, fix }
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
