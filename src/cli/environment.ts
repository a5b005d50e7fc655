import { NatspaceError } from '../space/errors.ts'
import { quote } from '../space/spec/quote.ts'
import { type StatePaths, statePaths } from '../space/state/records.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** The state folder: NATSPACE_STATE, or the usual one. Throws NatspaceError BAD_ENVIRONMENT (exit 2). */
export const statePathsOf = (environment: Environment): StatePaths => {
  const root = environment.NATSPACE_STATE
  if (root === undefined || root === '') return statePaths()
  // A relative folder would name another one after a change of directory, and `down` would not find the space.
  if (!root.startsWith('/')) throw badVariable('NATSPACE_STATE', root, 'it must be an absolute path')
  return statePaths(root.replace(/(?<=.)\/+$/, ''))
}

/** How long to wait for another natspace: NATSPACE_LOCK_TIMEOUT (seconds), as milliseconds. Throws BAD_ENVIRONMENT. */
export const lockOptions = (environment: Environment): { lockPatience?: number } => {
  const text = environment.NATSPACE_LOCK_TIMEOUT
  if (text === undefined || text === '') return {}
  if (!/^\d{1,6}(\.\d{1,3})?$/.test(text))
    throw badVariable('NATSPACE_LOCK_TIMEOUT', text, 'it must be a number of seconds, such as 10 or 0.5')
  return { lockPatience: Math.round(Number(text) * 1000) }
}

const badVariable = (name: string, value: string, why: string): NatspaceError =>
  new NatspaceError({
    code: 'BAD_ENVIRONMENT',
    exit: 2,
    what: `cannot use ${name} ${quote(value)}`,
    why,
    fix: [`unset ${name}, or correct it`],
  })
