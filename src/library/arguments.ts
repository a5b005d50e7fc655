import { NatspaceError } from '../space/errors.ts'
import { fieldSite } from '../space/spec/fault.ts'
import { quote } from '../space/spec/quote.ts'
import { parseName } from '../space/spec/validate.ts'
import { type StatePaths, statePaths } from '../space/state/records.ts'

/**
 * What a program without a compiler may pass in. A value of a kind that the call cannot take is a TypeError, as in Node; a
 * value that it could take, and that is wrong, is a NatspaceError, as for the command. Both come before anything is changed.
 */

/** Throws TypeError, and NatspaceError BAD_NAME. */
export const checkedName = (name: unknown): string => {
  if (typeof name !== 'string') throw new TypeError(`a name of a space is a string, not ${kindOf(name)}`)
  return parseName(name, fieldSite(['name']))
}

/** Throws TypeError, and NatspaceError BAD_NAME. */
export const checkedNames = (names: unknown): string[] => {
  if (typeof names !== 'string' && !Array.isArray(names))
    throw new TypeError(`names of spaces are a string or a list, not ${kindOf(names)}`)
  return [names].flat().map(checkedName)
}

/** A number of milliseconds, which may be left out. Throws TypeError. */
export const checkedTime = (option: string, value: unknown): number | undefined => {
  if (value === undefined || (typeof value === 'number' && value >= 0)) return value
  throw new TypeError(`${option} is a number of milliseconds, not ${kindOf(value)}`)
}

/** Throws TypeError. */
export const checkedSignal = (signal: unknown): AbortSignal | undefined => {
  if (signal === undefined || signal instanceof AbortSignal) return signal
  throw new TypeError(`signal is an AbortSignal, not ${kindOf(signal)}`)
}

/** A text, which may be left out. Throws TypeError. */
export const checkedText = (option: string, value: unknown): string | undefined => {
  if (value === undefined || typeof value === 'string') return value
  throw new TypeError(`${option} is a string, not ${kindOf(value)}`)
}

/** The state folder, which is that of the command unless another is given. Throws TypeError, and NatspaceError BAD_ENVIRONMENT. */
export const checkedPaths = (state: unknown): StatePaths => {
  if (state !== undefined && (typeof state !== 'string' || !state.startsWith('/')))
    throw new TypeError(
      `state is an absolute path, not ${typeof state === 'string' ? quote(state) : kindOf(state)}`,
    )
  const root = state ?? process.env.NATSPACE_STATE
  if (root === undefined || root === '') return statePaths()
  if (root.startsWith('/')) return statePaths(root.replace(/(?<=.)\/+$/, ''))
  throw new NatspaceError({
    code: 'BAD_ENVIRONMENT',
    exit: 2,
    what: `cannot use NATSPACE_STATE ${quote(root)}`,
    why: 'it must be an absolute path',
    fix: ['unset NATSPACE_STATE, or correct it'],
  })
}

export const kindOf = (value: unknown): string => {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
