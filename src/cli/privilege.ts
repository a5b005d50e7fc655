import { requireCapabilities } from '../space/privilege.ts'

/** Throws NatspaceError NOT_PERMITTED (exit 4) unless this process may change networks and namespaces, and whatever `more` says. */
export const requirePrivilege = (command: string, more: readonly number[] = []): void =>
  requireCapabilities(`cannot run natspace ${command}`, more)
