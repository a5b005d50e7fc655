import { ChangeError } from '../../linux/change.ts'
import { DecodeError } from '../../linux/netlink/codec.ts'
import { DumpInterruptedError, NetlinkError, ProtocolError } from '../../linux/netlink/errors.ts'
import { RulesetChangingError } from '../../linux/nftables/index.ts'
import { ProgramError } from '../../linux/program.ts'
import { SystemError } from '../../linux/sys/errno.ts'
import { NamespaceError } from '../../linux/sys/namespace.ts'
import { NatspaceError } from '../errors.ts'
import { lostRace } from '../reconcile/apply.ts'

/** Whether a look failed for what the kernel, a file or another program answered, and not for a mistake of natspace. */
export const isTrouble = (error: unknown): error is Error =>
  [
    ChangeError,
    DecodeError,
    DumpInterruptedError,
    NamespaceError,
    NatspaceError,
    NetlinkError,
    ProgramError,
    ProtocolError,
    RulesetChangingError,
    SystemError,
  ].some(type => error instanceof type)

/** Whether somebody else changed something while the repair ran; everything is as it was before. */
export const isOfTheMoment = (error: NatspaceError): boolean => isUndone(error) || lostRace(error)

/** Whether somebody undid the repair while it was being verified. */
export const isUndone = (error: NatspaceError): boolean =>
  error.code === 'VERIFY_FAILED' ||
  (error.code === 'ROLLBACK_FAILED' && error.cause instanceof NatspaceError && isUndone(error.cause))
