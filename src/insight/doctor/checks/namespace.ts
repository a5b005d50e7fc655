import { NatspaceError } from '../../../space/errors.ts'
import { currentBoot, readSpaceRecord, type SpaceRecord } from '../../../space/state/records.ts'
import { quoteShell } from '../../../space/text/quote-shell.ts'
import type { Facts } from '../facts.ts'
import { type CheckResult, type Finding, noFix, resultOf } from '../finding.ts'
import { againFix, isNamePath } from '../subject.ts'
import { accessFindings } from './environment.ts'

/** Whether the namespace is there, is one, and may be entered. Nothing else can be looked at where it is not. */
export const checkNamespace = (facts: Facts): CheckResult => {
  const { kernel, subject } = facts
  const { path, name, space } = subject
  const state = facts.seen.namespace(path)
  const isThere = `the namespace ${name} is there (${path})`
  if (state === 'present' && kernel.namespaceIdentity(path) === kernel.namespaceIdentity(undefined))
    return resultOf([
      {
        code: 'NS-WRONGPROC',
        what: `${name} is in the very namespace in which natspace itself was started`,
        evidence: [`${path} and that of this command are one namespace`],
        fix: noFix,
      },
    ])
  if (state === 'present' && facts.mayEnter) return resultOf([], isThere)
  if (state === 'present' || state === 'no-access')
    return {
      fine: state === 'present' ? [isThere] : [],
      findings: accessFindings(facts, {
        commands: [`sudo natspace doctor ${quoteShell(name.startsWith('process ') ? path : name)}`],
        undo: [],
      }),
      unchecked: ['everything inside the namespace'],
    }
  const record = space === undefined ? undefined : readableRecord(facts, space.name)
  const isOfOtherBoot = record !== undefined && record.bootId !== currentBoot(kernel)
  if (state === 'missing' && isOfOtherBoot)
    return resultOf([
      {
        code: 'ST-BOOT',
        what: `${name} was made before this machine was started anew`,
        evidence: [`boot of the record: ${record.bootId}`, `this boot: ${currentBoot(kernel)}`],
        fix: againFix(subject),
      },
    ])
  if (state === 'missing')
    return resultOf([
      {
        code: 'NS-GONE',
        what: `${path} does not exist`,
        evidence: [`nothing is at ${path}`],
        fix:
          space !== undefined
            ? againFix(subject)
            : /^\/run\/netns\//.test(path)
              ? {
                  commands: [`ip netns add ${quoteShell(path.replace('/run/netns/', ''))}`],
                  undo: [`ip netns delete ${quoteShell(path.replace('/run/netns/', ''))}`],
                }
              : noFix,
      },
    ])
  return resultOf([staleFinding(facts, path)])
}

/** What cannot be read is told elsewhere. */
const readableRecord = ({ kernel, paths }: Facts, name: string): SpaceRecord | undefined => {
  try {
    return readSpaceRecord(kernel, paths, name)
  } catch (error) {
    if (error instanceof NatspaceError && error.code === 'STATE_UNREADABLE') return undefined
    throw error
  }
}

/** A plain file: is it a mount that another process sees? */
const staleFinding = ({ kernel }: Facts, path: string): Finding => {
  const read = (pid: string) => mountsOf(file => kernel.readFile(file), pid)
  const below = folderDevice(read('self'), path)
  const holder = (kernel.readFolder('/proc') ?? [])
    .filter(name => /^\d+$/.test(name))
    .find(pid => {
      const mounts = read(pid)
      // Of the same folder: a sandbox may have another one at that path.
      return (
        mounts.some(mount => mount.point === path && mount.type === 'nsfs') &&
        folderDevice(mounts, path) === below
      )
    })
  if (holder !== undefined)
    return {
      code: 'NS-PROPAGATION',
      what: `${path} is mounted for process ${holder}, and not here`,
      evidence: [`/proc/${holder}/mountinfo has a mount at ${path}; that of this process has none`],
      fix: {
        commands: [`nsenter --mount=/proc/${holder}/ns/mnt mount --make-rshared /run/netns`],
        undo: [],
      },
    }
  return {
    code: 'NS-STALE',
    what: `${path} is a plain file, and no namespace`,
    evidence: [`the file at ${path} is not of the file system nsfs`],
    // Elsewhere the file may be somebody's.
    fix: isNamePath(path) ? { commands: [`rm ${quoteShell(path)}`], undo: [] } : noFix,
  }
}

/** A line of mountinfo (proc(5)). */
type Mount = { device: string; point: string; type: string }

const mountsOf = (read: (path: string) => string | undefined, pid: string): Mount[] => {
  let text: string
  try {
    text = read(`/proc/${pid}/mountinfo`) ?? ''
  } catch {
    // A process that has ended, or that may not be looked into, tells nothing.
    return []
  }
  return text.split('\n').flatMap((line): Mount[] => {
    const [, , device, , point] = line.split(' ')
    const type = line.split(' - ')[1]?.split(' ')[0]
    return device === undefined || point === undefined || type === undefined ? [] : [{ device, point, type }]
  })
}

/** The device on which the folder of a path is: that of the innermost mount above it, the last where there are several. */
const folderDevice = (mounts: readonly Mount[], path: string): string | undefined =>
  mounts
    .filter(({ point, type }) => type !== 'nsfs' && path.startsWith(point === '/' ? '/' : `${point}/`))
    .toReversed()
    .toSorted((a, b) => b.point.length - a.point.length)[0]?.device
