/** Failures as the CNI specification (1.1.0, section 5) has them: a number, a message, and details. */

import type { NatspaceError } from '../space/errors.ts'

/** Numbers below 100 are the specification's; ours start at 100, and docs/cni.md tells what each means. */
export const cniCode = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  environment: 4,
  io: 5,
  decode: 6,
  configuration: 7,
  tryLater: 11,
  notAvailable: 50,
  limitedConnectivity: 51,
  failed: 100,
  alreadyAttached: 101,
  noFreeAddress: 102,
  notAttached: 103,
  differs: 104,
  notPermitted: 105,
  internal: 106,
  delegateFailed: 107,
} as const

export type CniCode = (typeof cniCode)[keyof typeof cniCode]

/** Thrown for everything that a runtime is to be told; `details` are whole sentences or lines of evidence. */
export class CniError extends Error {
  override readonly name = 'CniError'
  readonly code: CniCode
  readonly details: string

  constructor(code: CniCode, message: string, details = '') {
    super(message)
    this.code = code
    this.details = details
  }
}

/** An error of the engine as one of CNI: a value that the engine does not take is one of the configuration. */
export const cniErrorOf = (error: NatspaceError | CniError): CniError => {
  if (error instanceof CniError) return error
  const { code, exit, what, why, evidence, fix } = error
  const refused = exit === 2 && code.startsWith('BAD_')
  const number = ofEngine[code] ?? (refused ? cniCode.configuration : cniCode.failed)
  return new CniError(number, `${what}: ${why}`, [`code ${code}`, ...evidence, ...fix].join('; '))
}

const ofEngine: Readonly<Record<string, CniCode>> = {
  LOCKED: cniCode.tryLater,
  NOT_PERMITTED: cniCode.notPermitted,
  POOL_FULL: cniCode.noFreeAddress,
  BAD_ENVIRONMENT: cniCode.environment,
  INTERNAL: cniCode.internal,
}
