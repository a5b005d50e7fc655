import { statSync } from 'node:fs'
import type { Change } from '../../../linux/change.ts'
import { NatspaceError } from '../../../space/errors.ts'
import { spaceOfAlias } from '../../../space/marks.ts'
import { resolveFacts } from '../../../space/reconcile/facts.ts'
import { planGc } from '../../../space/reconcile/gc.ts'
import { createPool } from '../../../space/spec/pool.ts'
import { readJournal } from '../../../space/state/journal.ts'
import { readHostRecord, readSpaceRecord } from '../../../space/state/records.ts'
import { shellOf } from '../../../space/text/shell.ts'
import type { Facts } from '../facts.ts'
import { type CheckResult, type Finding, noFix, nothing, resultOf, together } from '../finding.ts'

/** natspace's own records: can they be read, is somebody at work, did somebody die at it? */
export const checkRecords = (facts: Facts): CheckResult => {
  const { kernel, paths, subject } = facts
  if (kernel.fileStatus(paths.root) === undefined) return nothing
  return together(
    [
      () => void readHostRecord(kernel, paths),
      () => void readSpaceRecord(kernel, paths, subject.name.replaceAll('/', '_')),
      () => checkLock(facts),
    ].map(read => {
      try {
        return read() ?? nothing
      } catch (error) {
        if (!(error instanceof NatspaceError) || error.code !== 'STATE_UNREADABLE') throw error
        return resultOf([versionFinding(error)])
      }
    }),
  )
}

const versionFinding = ({ what, why, fix }: NatspaceError): Finding => ({
  code: 'ST-VERSION',
  what: `${what}: ${why}`,
  evidence: fix,
  fix: noFix,
})

/** What is under way means that somebody died at it only where nobody holds the lock. */
const checkLock = (facts: Facts): CheckResult => {
  const { kernel, paths, subject } = facts
  if (kernel.fileStatus(paths.lock) === undefined) return nothing
  const lock = kernel.tryLock(paths.lock)
  if (lock === undefined)
    return resultOf([
      {
        code: 'ST-LOCK',
        what: 'another natspace is at work at this moment',
        evidence: holders(facts),
        fix: noFix,
      },
    ])
  using _held = lock
  const journal = readJournal(kernel, paths)
  const intent = journal?.intents[subject.name]
  if (journal === undefined || intent === undefined) return nothing
  return resultOf([
    {
      code: 'ST-HALF',
      what: `process ${journal.process} was ended while it ${intent.doing === 'up' ? 'brought up' : 'took down'} ${subject.name}`,
      evidence: [`${paths.journal}: ${subject.name}: ${intent.doing}`, 'nobody holds the lock'],
      fix: { commands: ['natspace gc'], undo: [] },
    },
  ])
}

/** Processes that hold the lock: /proc/locks names it by its inode. */
const holders = ({ kernel, paths }: Facts): string[] => {
  const inode = String(statSync(paths.lock).ino)
  const lines = (kernel.readFile('/proc/locks') ?? '').split('\n')
  const ids = lines.flatMap(line => {
    const [, kind, , , id, file = ''] = line.trim().split(/\s+/)
    return kind === 'FLOCK' && file.split(':')[2] === inode ? (id ?? []) : []
  })
  return ids.map(id => `${paths.lock} is held by process ${id}`)
}

/** Things of natspace that no record knows, and the room for more spaces. Throws what reading throws. */
export const checkHost = async (facts: Facts): Promise<CheckResult> =>
  together([await checkOrphans(facts), checkPool(facts)])

const checkOrphans = async (facts: Facts): Promise<CheckResult> => {
  const { kernel, paths } = facts
  const hasMarks = facts.links(undefined).some(({ alias }) => spaceOfAlias(alias) !== undefined)
  if (!hasMarks && kernel.fileStatus(paths.root) === undefined) return nothing
  try {
    // Of what is under way, and of what cannot be read, others speak.
    if (readJournal(kernel, paths) !== undefined) return nothing
    const plan = await planGc({ kernel, paths }, { lockPatience: 0 })
    // What is missing is a matter of the spaces.
    const operations = plan.operations.filter(({ change }) => removes(change))
    if (operations.length === 0) return nothing
    return resultOf([
      {
        code: 'ST-ORPHAN',
        what: `${operations.length === 1 ? 'one thing' : `${operations.length} things`} of natspace ${operations.length === 1 ? 'belongs' : 'belong'} to no space`,
        evidence: operations.slice(0, 6).map(({ change }) => shellOf(change).join('; ')),
        fix: { commands: ['natspace gc'], undo: [] },
      },
    ])
  } catch (error) {
    if (error instanceof NatspaceError) return nothing
    throw error
  }
}

const removes = (change: Change): boolean =>
  change.type === 'nftables.commit'
    ? change.commands.every(({ type }) => type.endsWith('.delete'))
    : /\.delete/.test(change.type)

const checkPool = (facts: Facts): CheckResult => {
  if (facts.subject.space === undefined) return nothing
  const { taken } = resolveFacts(facts.seen, [], new Map(), [], () => undefined)
  try {
    createPool(taken).take()
    return nothing
  } catch (error) {
    if (!(error instanceof NatspaceError) || error.code !== 'POOL_FULL') throw error
    return resultOf([
      {
        code: 'ST-POOLFULL',
        what: `no network is free for another space: ${error.why}`,
        evidence: error.evidence.slice(0, 4),
        fix: noFix,
      },
    ])
  }
}
