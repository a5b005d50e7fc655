import { LinuxKernel } from '../../linux/linux.ts'
import { capability } from '../../linux/sys/process.ts'
import { notFound } from '../../space/reconcile/status.ts'
import { optionSite } from '../../space/spec/fault.ts'
import { quote } from '../../space/spec/quote.ts'
import { parseName } from '../../space/spec/validate.ts'
import { recordedNames } from '../../space/state/records.ts'
import { KernelSigns } from '../../space/watch/kernel-signs.ts'
import { usualLimits } from '../../space/watch/patience.ts'
import type { WatchReport } from '../../space/watch/report.ts'
import { watch } from '../../space/watch/watch.ts'
import { defineCommand, type Input } from '../command.ts'
import { statePathsOf } from '../environment.ts'
import { expectWorkOn } from '../jit.ts'
import { type Options, usageError } from '../options.ts'
import { type Output, toJson } from '../output.ts'
import { requirePrivilege } from '../privilege.ts'
import { reportObject } from '../watch/json.ts'
import { takeSignals } from '../watch/signals.ts'
import { reportLines } from '../watch/text.ts'

const options = {
  all: { kind: 'flag', help: 'watch all spaces, also those that come later: as without a NAME' },
  once: { kind: 'flag', help: 'look once, repair, and end' },
  dryRun: { kind: 'flag', help: 'tell what differs, and repair nothing' },
  giveUpAfter: {
    kind: 'value',
    placeholder: 'N',
    help: `leave a space alone for a while when somebody undid N repairs in a row (default ${usualLimits.repairsInFight}); 0: never, and any number of repairs a minute`,
  },
} as const satisfies Options

/** Exit status of a single look after which not all is well. */
const foundDrift = 3
const mostRepairs = 1000

const run = async ({
  options: given,
  positionals,
  output,
  environment,
}: Input<typeof options>): Promise<number> => {
  const names = positionals.map(name => parseName(name, optionSite(['name'])))
  if (given.all && names.length > 0)
    throw usageError('CONFLICTING_OPTIONS', 'Cannot use --all with names', 'all spaces are watched then', [
      'leave out one of them',
    ])
  const repairsInFight = parseRepairs(given.giveUpAfter)
  // Without the last one the kernel tells nothing of what changes inside of spaces.
  requirePrivilege('watch', [capability.netBroadcast])
  const paths = statePathsOf(environment)
  checkNames(paths, names)
  expectWorkOn(Number.POSITIVE_INFINITY)
  const signals = takeSignals()
  using source = KernelSigns.open()
  const content = await watch({
    paths,
    openKernel: () => new LinuxKernel(),
    source,
    names: names.length === 0 ? undefined : new Set(names),
    dryRun: given.dryRun === true,
    once: given.once === true,
    limits: { ...usualLimits, repairsInFight },
    report: reporter(output, environment),
    shouldEnd: () => signals.ended() !== undefined,
    shouldResume: signals.resumed,
  })
  return signals.ended() ?? (content ? 0 : foundDrift)
}

/** Prints reports as they come: as lines, or with --json as an object a line. */
const reporter =
  (output: Output, environment: Input<typeof options>['environment']) =>
  (report: WatchReport): void => {
    if (output.json) {
      output.lines([toJson(reportObject(report))])
      return
    }
    if (output.quiet && (report.type === 'snapshot' || report.type === 'end')) return
    const withTime = environment.JOURNAL_STREAM === undefined
    output.lines(reportLines(report, { style: output.style, verbose: output.verbose, withTime }))
  }

/** Throws NatspaceError NOT_FOUND for a name without a record. */
const checkNames = (paths: ReturnType<typeof statePathsOf>, names: readonly string[]): void => {
  if (names.length === 0) return
  using kernel = new LinuxKernel()
  const known = recordedNames(kernel, paths)
  const missing = names.find(name => !known.includes(name))
  if (missing !== undefined) throw notFound(missing, known)
}

/** Throws NatspaceError BAD_NUMBER. */
const parseRepairs = (text: string | undefined): number => {
  if (text === undefined) return usualLimits.repairsInFight
  const number = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN
  if (number <= mostRepairs) return number
  throw usageError(
    'BAD_NUMBER',
    `Cannot use --give-up-after ${quote(text)}`,
    `it is a number from 0 to ${mostRepairs}`,
    ['write --give-up-after 5'],
  )
}

export const watchCommand = defineCommand({
  name: 'watch',
  summary: 'repair spaces as soon as somebody changes what they need',
  usage: ['[NAME]... [OPTION]...'],
  about: [
    'Waits for the events by which the kernel tells of changes: of the ruleset, links, addresses, routes, settings, namespaces. What then differs from what was asked for is repaired as natspace up does it, and told: what differed, who did it as far as the kernel tells, how long it took until it was right. Without events everything is looked at once a minute, as some changes have none (those by iptables-legacy).',
    'The way out is followed: a cable whose MTU nobody asked for gets that of the uplink. What other natspace commands do is respected: a space that is taken down stays down. A namespace that somebody else made and deleted is not made again. With names only these spaces are repaired; a flushed table then comes back with their elements alone.',
    'When somebody undoes the same repair again and again, that is told with the name of the program, and the space is left alone for five minutes, then for ten and so on; SIGHUP ends all pauses. Events that came faster than they could be read are told as lost, and everything is read anew.',
    'It runs until Ctrl-C (exit status 130) or SIGTERM (0), which never end it in the middle of a repair. With --once the exit status is 3 when not everything is right in the end. --json prints JSON Lines with a type: snapshot, event, lost, end.',
  ],
  options,
  completes: 'space',
  examples: [
    { command: 'natspace watch', does: 'watch and repair all spaces' },
    { command: 'natspace watch --dry-run -v', does: 'tell only, with everything that differs' },
    { command: 'natspace watch --once', does: 'repair what differs now' },
  ],
  run,
})
