import { NetlinkError } from '../../linux/netlink/errors.ts'
import { SystemError } from '../../linux/sys/errno.ts'
import { NamespaceError } from '../../linux/sys/namespace.ts'

/** Whether the kernel refused a question because of who asks: no reason to end, but one to say what was not looked at. */
export const isForbidden = (error: unknown): boolean =>
  ((error instanceof SystemError || error instanceof NetlinkError) &&
    (error.code === 'EPERM' || error.code === 'EACCES')) ||
  (error instanceof NamespaceError && error.reason === 'no-access')
