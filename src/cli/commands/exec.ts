import { SystemError } from '../../linux/sys/errno.ts'
import { exists } from '../../linux/sys/files.ts'
import { restoreOpenFilesLimit } from '../../linux/sys/limits.ts'
import { enterNamespace, openNamespace } from '../../linux/sys/namespace.ts'
import { becomeUser } from '../../linux/sys/process.ts'
import { NatspaceError } from '../../space/errors.ts'
import { becomeProgram } from '../../space/exec/become-program.ts'
import { hostFile } from '../../space/exec/host-file.ts'
import { mountForSpace } from '../../space/exec/mounts.ts'
import { findProgram } from '../../space/exec/program.ts'
import { readSpaceFacts } from '../../space/exec/space-facts.ts'
import { chooseResolver } from '../../space/resolver/resolver.ts'
import { optionSite } from '../../space/spec/fault.ts'
import { namespacePath } from '../../space/spec/names.ts'
import { printable, quote } from '../../space/spec/quote.ts'
import { parseName } from '../../space/spec/validate.ts'
import { recordPath } from '../../space/state/records.ts'
import { defineCommand, type Input } from '../command.ts'
import { statePathsOf } from '../environment.ts'
import { type Invoker, invokerOf, readAccounts } from '../exec/identity.ts'
import { type Options, usageError } from '../options.ts'
import type { Output } from '../output.ts'
import { requirePrivilege } from '../privilege.ts'
import { reportFailure } from '../report-failure.ts'
import { did, endOfStages } from '../timeline/stages.ts'

const execOptions = {
  asRoot: { kind: 'flag', help: 'under sudo: stay root instead of becoming the user who called it' },
} as const satisfies Options

/** What a shell and its kin use: natspace itself failed, the program cannot be run, there is no such program. */
const status = { failed: 125, notExecutable: 126, notFound: 127 } as const

const run = async ({
  options,
  positionals,
  output,
  environment,
}: Input<typeof execOptions>): Promise<number> => {
  const [target, ...command] = positionals
  const [program] = command
  if (target === undefined || program === undefined)
    throw usageError(
      'MISSING_ARGUMENT',
      'Cannot run natspace exec',
      target === undefined ? 'the name of the space is missing' : 'the program to run is missing',
      ['natspace exec NAME -- PROGRAM [ARGUMENT]...'],
    )
  const { path, name } = namespaceOf(target)
  requirePrivilege('exec')
  const found = findProgram(program, environment.PATH)
  if ('problem' in found) return reportProgram(output, program, found.problem, found.evidence)
  const warn: Warn = text => output.note(`natspace exec: ${printable(text)}`)
  const space =
    name === undefined ? undefined : readSpaceFacts(recordPath(statePathsOf(environment), name), warn)
  const resolver = chooseResolver(space, hostFile)
  if (resolver.problem !== undefined && !hasOwnResolver(name))
    warn(noResolver(name, space !== undefined, resolver.problem))
  const invoker =
    !options.asRoot && process.geteuid?.() === 0 ? invokerOf(environment, readAccounts) : undefined

  did('files read')
  using namespace = openNamespace(space?.namespacePath ?? path)
  enterNamespace(namespace.number)
  did('namespace entered')
  mountForSpace({ name, resolver, warn })
  did('mounts')
  restoreOpenFilesLimit()
  if (invoker !== undefined) becomeInvoker(invoker)
  endOfStages()
  return become(output, found.path, command, { ...environment, ...invoker?.variables })
}

/** A name is one of /run/netns; an absolute path is taken as it is. Throws NatspaceError BAD_NAME. */
const namespaceOf = (target: string): { path: string; name: string | undefined } => {
  if (target.startsWith('/')) return { path: target, name: undefined }
  const name = parseName(target, optionSite(['name']))
  return { path: namespacePath(name), name }
}

type Warn = (text: string) => void

const ownResolver = (name: string): string => `/etc/netns/${name}/resolv.conf`

const hasOwnResolver = (name: string | undefined): boolean => name !== undefined && exists(ownResolver(name))

const noResolver = (name: string | undefined, isSpace: boolean, problem: string): string => {
  const fix = isSpace
    ? 'give the space one with --dns A of natspace up'
    : `name one in ${ownResolver(name ?? 'NAME')}`
  return `no resolver of this host can be asked from inside (${problem}), so names are not found; ${fix}`
}

/** Throws NatspaceError CANNOT_BECOME_USER where this root has not all users, as in a user namespace. */
const becomeInvoker = (invoker: Invoker): void => {
  try {
    becomeUser(invoker)
  } catch (cause) {
    throw new NatspaceError({
      code: 'CANNOT_BECOME_USER',
      exit: 4,
      what: `cannot become the user ${invoker.user} who called sudo`,
      why: (cause as Error).message,
      fix: ['stay root with --as-root'],
      cause,
    })
  }
}

/** Replaces this process by the program. Returns only when that fails. */
const become = (
  output: Output,
  path: string,
  command: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): number => {
  try {
    return becomeProgram(path, command, environment)
  } catch (error) {
    if (!(error instanceof SystemError)) throw error
    const problem = error.code === 'ENOENT' ? 'not-found' : 'not-executable'
    return reportProgram(output, command[0] ?? path, problem, error.message)
  }
}

const reportProgram = (
  output: Output,
  program: string,
  problem: 'not-found' | 'not-executable',
  evidence: string,
): number => {
  const isMissing = problem === 'not-found'
  reportFailure(output, 'exec', {
    code: isMissing ? 'PROGRAM_NOT_FOUND' : 'PROGRAM_NOT_EXECUTABLE',
    exit: 1,
    what: `cannot run ${quote(program)}`,
    why: isMissing ? 'there is no such program' : 'it cannot be executed',
    evidence: [evidence],
    fix: ['the program must be one of this host: a space has the files of the host'],
  })
  return isMissing ? status.notFound : status.notExecutable
}

export const execCommand = defineCommand({
  name: 'exec',
  summary: 'run a program inside a space',
  usage: ['[OPTION]... NAME [--] PROGRAM [ARGUMENT]...'],
  about: [
    'The program sees the network of the space and the files of this host. It takes the place of natspace: signals and exit status are its own. Exit status 125 means that natspace failed, 126 that the program cannot be executed, 127 that there is none.',
    'NAME may be any namespace of /run/netns, or an absolute path. Files in /etc/netns/NAME are seen in place of those in /etc.',
    'Names are asked for inside. /etc/resolv.conf names the resolvers of the space (--dns of up); without them those of the host that can be asked from inside, which its loopback cannot; else those that systemd-resolved asks; else the gateway, if a resolver of this host listens there. An internal space asks only what --dns names. The host’s nscd, systemd-resolved and Avahi are out of reach. Where the host has no /etc/resolv.conf, one is shown, and /etc can only be read.',
    'Under sudo the program runs as the user who called sudo, with his groups.',
  ],
  options: execOptions,
  completes: 'namespace',
  stopAfter: 1,
  failureStatus: status.failed,
  examples: [
    { command: 'sudo natspace exec web -- ping -c 1 192.0.2.1', does: 'one command' },
    { command: 'sudo natspace exec --as-root web bash', does: 'a shell of root' },
  ],
  run,
})
