import { fault } from './entry.ts'

/** The namespace itself, and what may be done with it. */
export const namespaceFaults = {
  'ENV-CAP': fault(
    'error',
    'The privilege to look into the namespace is missing',
    'Who is not root in the user namespace that owns a network namespace may not enter it, nor see its rules.',
    'Run the command as root, or use natspace lab.',
    'setns(2) refuses with EPERM; the effective capabilities lack CAP_NET_ADMIN or CAP_SYS_ADMIN',
  ),
  'NS-STALE': fault(
    'error',
    'The name of the namespace leads to a plain file',
    'The file was the place of a mount, and the mount is gone: after a crash, or in another mount namespace. Nothing can be entered there.',
    'Remove the file and make the namespace anew.',
    'the file is not of nsfs (fstatfs)',
  ),
  'NS-PROPAGATION': fault(
    'error',
    'The namespace is mounted where others do not see it',
    'A mount in a private mount namespace is invisible outside of it: there the name leads to an empty file.',
    'Share the folder (mount --make-rshared) before the namespace is made, or enter it by the process that holds it.',
    'the file is not of nsfs here, and the mountinfo of another process has it',
  ),
  'NS-GONE': fault(
    'error',
    'The namespace is not there',
    'Nothing can be connected that does not exist: it was deleted, or the machine has been started anew.',
    'Make it anew.',
    'no file at its path',
  ),
} as const
