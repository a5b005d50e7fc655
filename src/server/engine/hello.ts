import { DropWatcher } from '../../insight/walk/drop-reasons.ts'
import { legacyTables } from '../../insight/walk/legacy-tables.ts'
import { TracingUnavailableError } from '../../insight/walk/trace-instance.ts'
import type { Kernel } from '../../linux/kernel.ts'
import { version } from '../../version.ts'
import { type Hello, protocolVersion } from '../protocol.ts'

/** What a page is told of this server. Throws what the kernel's questions throw. */
export const helloOf = (
  kernel: Kernel,
  about: Pick<Hello, 'mode' | 'allowChanges' | 'host' | 'lacking'>,
): Hello => ({
  protocolVersion,
  version,
  ...about,
  kernel: kernel.sysctl(undefined, 'kernel.osrelease') ?? 'unknown',
})

/** What cannot be told here, with the reason. Throws SystemError. */
export const readLacking = (): string[] => [...dropReasons(), ...legacyRules()]

/** Only root of the machine is told by the kernel why it dropped a packet. */
const dropReasons = (): string[] => {
  try {
    DropWatcher.open({ families: [4] })[Symbol.dispose]()
    return []
  } catch (error) {
    if (!(error instanceof TracingUnavailableError)) throw error
    return [`the kernel's own reasons for drops: ${error.message}`]
  }
}

const legacyRules = (): string[] => {
  const found = Object.values(legacyTables(undefined))
  if (found.some(tables => tables !== 'unreadable' && tables.length > 0))
    return ['rules of iptables-legacy, which are there: no packet can be followed through them']
  return found.includes('unreadable')
    ? [
        'whether iptables-legacy has rules, through which no packet can be followed: only root of the machine is told',
      ]
    : []
}
