import type { Where } from '../../linux/change.ts'
import { errno, SystemError } from '../../linux/sys/errno.ts'
import { readSmallFile } from '../../linux/sys/files.ts'
import { insideNamespace, openNamespace } from '../../linux/sys/namespace.ts'

/**
 * Rules of iptables-legacy give no events. The kernel names their tables, and only those that are there already, so asking
 * loads nothing.
 */

/** Tables of iptables-legacy in a namespace, by IP version; `unreadable` where the kernel does not tell us. */
export type LegacyTables = { 4: string[] | 'unreadable'; 6: string[] | 'unreadable' }

/** The tables that packets pass unseen. Throws NamespaceError. Equivalent to: `cat /proc/net/ip_tables_names` */
export const legacyTables = (where: Where): LegacyTables => {
  const read = (): LegacyTables => ({
    4: namesIn('/proc/thread-self/net/ip_tables_names'),
    6: namesIn('/proc/thread-self/net/ip6_tables_names'),
  })
  if (where === undefined) return read()
  using namespace = openNamespace(where)
  return insideNamespace(namespace.number, read)
}

const namesIn = (path: string): string[] | 'unreadable' => {
  try {
    return readSmallFile(path).split('\n').filter(Boolean)
  } catch (error) {
    if (!(error instanceof SystemError)) throw error
    // Without the module there is no such file.
    return error.errno === errno.ENOENT ? [] : 'unreadable'
  }
}
