import { Descriptor } from './descriptor.ts'
import { SystemError } from './errno.ts'
import { cstring, libc } from './libc.ts'

/** Numbers of these system calls are the same on all CPUs (since Linux 5.2). */
const calls = { fsopen: 430, fsconfig: 431, fsmount: 432 } as const
const FSOPEN_CLOEXEC = 1
const FSCONFIG_CMD_CREATE = 6
const FSMOUNT_CLOEXEC = 1

const call = (name: keyof typeof calls, ...values: [number, number, number?, number?, number?]): number => {
  const [a, b, c = 0, d = 0, e = 0] = values
  const result = libc().syscall(calls[name], a, b, c, d, e)
  if (result < 0) throw new SystemError(name, libc().errno())
  return result
}

/**
 * Mounts a file system nowhere: it is reached only through the descriptor (`/proc/self/fd/N/…`), seen by nobody else, and
 * gone when that is closed. Throws SystemError (ENODEV: not in this kernel; EPERM: not root of the machine; ENOSYS).
 */
export const mountDetached = (type: string): Descriptor => {
  const name = cstring(type)
  using context = new Descriptor(call('fsopen', Number(libc().address(name)), FSOPEN_CLOEXEC))
  // The address above must stay valid until here.
  if (name.length === 0) throw new RangeError('A file system has a name')
  call('fsconfig', context.number, FSCONFIG_CMD_CREATE)
  return new Descriptor(call('fsmount', context.number, FSMOUNT_CLOEXEC, 0))
}
