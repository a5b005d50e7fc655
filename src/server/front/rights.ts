import { readFileSync } from 'node:fs'
import { becomeUser, type Identity } from '../../linux/sys/process.ts'

/** nobody and nogroup, as every Linux has them (the kernel's overflowuid). */
export const nobody: Identity = { user: 65534, group: 65534, groups: [] }

/**
 * Gives up root for good, once the port is bound and the engine started: what speaks to browsers then has the rights of
 * `identity` alone. Returns whether it did: not for who is no root, and not for the root of a user namespace that
 * knows no other user; on the machine that one is an ordinary user already. Throws SystemError.
 */
export const giveUpRights = (identity: Identity): boolean => {
  if (process.getuid?.() !== 0) return false
  if (!mapHas(readFileSync('/proc/self/uid_map', 'utf8'), identity.user)) return false
  if (!mapHas(readFileSync('/proc/self/gid_map', 'utf8'), identity.group)) return false
  becomeUser(identity)
  // The folder may be root's alone, and whatever is started from here must not fail on it.
  process.chdir('/')
  return true
}

/** Whether a user namespace knows an id: lines of first id inside, first id outside, count; user_namespaces(7). */
export const mapHas = (map: string, id: number): boolean =>
  map.split('\n').some(line => {
    const [first, , count] = line.trim().split(/\s+/).map(Number)
    return first !== undefined && count !== undefined && id >= first && id < first + count
  })
