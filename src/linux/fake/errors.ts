import { NetlinkError } from '../netlink/errors.ts'
import { errno, SystemError } from '../sys/errno.ts'

export type ErrnoName = keyof typeof errno | keyof typeof more

/** Numbers that the code decides nothing on, and that the fake has to give all the same (asm-generic/errno.h). */
const more = { ENOMEM: 12, EXDEV: 18, EISDIR: 21, ENOTEMPTY: 39, ENETDOWN: 100 } as const

const numbers: Record<ErrnoName, number> = { ...errno, ...more }

/** A refusal as rtnetlink gives it. */
export const refusal = (operation: string, code: ErrnoName, kernelMessage?: string): NetlinkError =>
  new NetlinkError({ operation, request: 0, errno: numbers[code], kernelMessage })

/** A failed system call. */
export const failure = (call: string, code: ErrnoName, path?: string): SystemError =>
  new SystemError(call, numbers[code], path)
