import type { Kernel } from '../../linux/kernel.ts'
import { NatspaceError } from '../../space/errors.ts'
import { quote } from '../../space/spec/quote.ts'
import type { ResolvedSpace } from '../../space/spec/types.ts'
import { readSpaceRecord, recordedNames, type StatePaths } from '../../space/state/records.ts'
import { quoteShell } from '../../space/text/quote-shell.ts'
import { upCommandOf } from '../../space/text/up-command.ts'
import { isForbidden } from './refusal.ts'

/** What is examined: a namespace, and the spec where natspace made it. */
export type Subject = {
  /** As people know it. */
  name: string
  path: string
  space: ResolvedSpace | undefined
}

const folders = ['/run/netns', '/run/docker/netns', '/var/run/docker/netns']

/**
 * The namespace that a word means: a space of natspace, a name below /run/netns (`ip netns`) or Docker's folder, a path, or
 * the number of a process. Whether it can be entered is a matter of the checks. Throws NatspaceError NOT_FOUND (exit 1).
 */
export const findSubject = (kernel: Kernel, paths: StatePaths, word: string): Subject => {
  if (word.startsWith('/')) {
    // The path of a space means the space: more is known of it.
    const name = word.slice(word.lastIndexOf('/') + 1)
    const space = isName(name) ? recordOf(kernel, paths, name)?.space : undefined
    if (space?.namespacePath === word) return { name, path: word, space: ownSpace(space) }
    const state = kernel.namespaceState(word)
    if (state === 'another-kind' || (state === 'not-a-namespace' && !isNamePath(word)))
      throw noNamespace(word)
    return { name: word, path: word, space: undefined }
  }
  const record = isName(word) ? recordOf(kernel, paths, word) : undefined
  if (record !== undefined)
    return { name: word, path: record.space.namespacePath, space: ownSpace(record.space) }
  const folder = isName(word)
    ? folders.find(item => kernel.fileStatus(`${item}/${word}`) !== undefined)
    : undefined
  if (folder !== undefined) return { name: word, path: `${folder}/${word}`, space: undefined }
  const process = `/proc/${word}`
  if (/^\d+$/.test(word) && kernel.fileStatus(process) !== undefined)
    return { name: `process ${word}`, path: `${process}/ns/net`, space: undefined }
  const known = knownNames(kernel, paths)
  throw new NatspaceError({
    code: 'NOT_FOUND',
    exit: 1,
    what: `cannot find the namespace ${quote(word)}`,
    why: 'it is no space of natspace, no name in /run/netns, no path, and no process',
    evidence: [`namespaces: ${known.map(name => quote(name)).join(', ') || 'none'}`],
    fix: ['name one of those, a path such as /proc/PID/ns/net, or the number of a process in the namespace'],
  })
}

/** Of a space whose cable is another's natspace does not know how it should be. */
const ownSpace = (space: ResolvedSpace): ResolvedSpace | undefined =>
  space.behind === undefined ? space : undefined

/** Whether a path is one in a folder that holds nothing but names of namespaces. */
export const isNamePath = (path: string): boolean => /\/netns\/[^/]+$/.test(path)

/** A path that was mistaken, not a namespace that is ill. */
const noNamespace = (path: string): NatspaceError =>
  new NatspaceError({
    code: 'NOT_FOUND',
    exit: 1,
    what: `cannot examine ${quote(path)}`,
    why: 'it is no network namespace',
    fix: ['give a name in /run/netns, a path such as /proc/PID/ns/net, or the number of a process'],
  })

const isName = (word: string): boolean => /^[A-Za-z0-9][\w.-]*$/.test(word)

/** A record that cannot be read, or not by this user, is a finding, and no reason to examine nothing. */
const recordOf = (kernel: Kernel, paths: StatePaths, name: string) => {
  try {
    return readSpaceRecord(kernel, paths, name)
  } catch (error) {
    if (error instanceof NatspaceError && error.code === 'STATE_UNREADABLE') return undefined
    if (isForbidden(error)) return undefined
    throw error
  }
}

/** Names that this user may list; the records of natspace may be closed to all but root. */
const knownNames = (kernel: Kernel, paths: StatePaths): string[] => {
  try {
    return [...new Set([...recordedNames(kernel, paths), ...kernel.namespaceNames()])]
  } catch (error) {
    if (isForbidden(error)) return kernel.namespaceNames()
    throw error
  }
}

/** What makes a space of natspace again as it should be; for others nothing is known that does. */
export const againFix = ({ space }: Subject): { commands: string[]; undo: string[] } =>
  // What a runtime asked for, only that can ask for again.
  space === undefined || space.attachment !== undefined
    ? { commands: [], undo: [] }
    : { commands: [upCommandOf(space)], undo: [] }

/** A command for sh that runs words of ip(8) in the namespace. */
export const ipInside = ({ path }: Subject, words: string): string => {
  const name = /^\/run\/netns\/([^/]+)$/.exec(path)?.[1]
  return name === undefined ? inside(path, `ip ${words}`) : `ip -n ${quoteShell(name)} ${words}`
}

/** A command for sh that runs another one in the namespace. */
export const runInside = ({ path }: Subject, command: string): string => {
  const name = /^\/run\/netns\/([^/]+)$/.exec(path)?.[1]
  return name === undefined ? inside(path, command) : `ip netns exec ${quoteShell(name)} ${command}`
}

const inside = (path: string, command: string): string => `nsenter --net=${quoteShell(path)} ${command}`
