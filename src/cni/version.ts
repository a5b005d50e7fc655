/** Versions of the CNI specification that are spoken here, the oldest first. */

import { quote } from '../space/spec/quote.ts'
import { CniError, cniCode } from './error.ts'

export const cniVersions = ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const

export type CniVersion = (typeof cniVersions)[number]

export const newestVersion: CniVersion = '1.1.0'

/** The version that a text names. Throws CniError 1. */
export const parseVersion = (text: string): CniVersion => {
  const version = cniVersions.find(known => known === text)
  if (version !== undefined) return version
  throw new CniError(
    cniCode.incompatibleVersion,
    `cannot speak CNI ${quote(text)}`,
    `supported versions: ${cniVersions.join(', ')}`,
  )
}

/** Whether `version` is `least` or newer. */
export const isAtLeast = (version: CniVersion, least: CniVersion): boolean =>
  cniVersions.indexOf(version) >= cniVersions.indexOf(least)
