import { SystemError } from '../../linux/sys/errno.ts'
import { readSmallFile } from '../../linux/sys/files.ts'
import type { Identity } from '../../linux/sys/process.ts'

/** Who called sudo, as whom a program in a space is to run: being root there is rarely what is needed. */
export type Invoker = Identity & { variables: Record<string, string> }

type Environment = Readonly<Record<string, string | undefined>>

/** Texts of /etc/passwd and /etc/group. */
export type Accounts = { passwd: string; group: string }

export const readAccounts = (): Accounts => ({ passwd: textOf('/etc/passwd'), group: textOf('/etc/group') })

const textOf = (path: string): string => {
  try {
    return readSmallFile(path)
  } catch (error) {
    if (error instanceof SystemError && error.code === 'ENOENT') return ''
    throw error
  }
}

/**
 * The user whom sudo noted, with his supplementary groups and the variables that name him; undefined when this is not
 * root under sudo, or root called it. A user who is in no /etc/passwd (a directory service) has his ids alone.
 */
export const invokerOf = (environment: Environment, accounts: () => Accounts): Invoker | undefined => {
  const user = idOf(environment.SUDO_UID)
  const group = idOf(environment.SUDO_GID)
  if (user === undefined || group === undefined || user === 0) return undefined
  const { passwd, group: groupText } = accounts()
  const account = accountOf(passwd, user)
  const name = account?.name ?? environment.SUDO_USER
  return {
    user,
    group,
    groups: name === undefined ? [group] : [...new Set([group, ...groupsOf(groupText, name)])],
    variables: {
      ...(name === undefined ? {} : { USER: name, LOGNAME: name }),
      ...(account === undefined ? {} : { HOME: account.home, SHELL: account.shell }),
    },
  }
}

const idOf = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,10}$/.test(text) && Number(text) < 0xffffffff ? Number(text) : undefined

/** passwd(5): name:password:UID:GID:GECOS:directory:shell; an empty shell is /bin/sh. */
const accountOf = (
  passwd: string,
  user: number,
): { name: string; home: string; shell: string } | undefined => {
  for (const line of passwd.split('\n')) {
    const [name, , id, , , home, shell] = line.split(':')
    if (name && id === String(user) && home !== undefined)
      return { name, home: home || '/', shell: shell || '/bin/sh' }
  }
  return undefined
}

/** group(5): name:password:GID:user,user */
const groupsOf = (text: string, name: string): number[] =>
  text.split('\n').flatMap(line => {
    const [, , id, members] = line.split(':')
    const number = idOf(id)
    return number !== undefined && members?.split(',').includes(name) ? [number] : []
  })
