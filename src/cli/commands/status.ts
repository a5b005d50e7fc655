import type { Drift } from '../../space/reconcile/operation.ts'
import { statusWatched } from '../../space/reconcile/status.ts'
import type { SpaceStatus } from '../../space/reconcile/types.ts'
import { optionSite } from '../../space/spec/fault.ts'
import { printable, visible } from '../../space/spec/quote.ts'
import type { ResolvedSpace } from '../../space/spec/types.ts'
import { parseName } from '../../space/spec/validate.ts'
import { readSpaceRecord, recordedNames } from '../../space/state/records.ts'
import type { WatchNote } from '../../space/state/watch-notes.ts'
import { stepOf } from '../../space/steps.ts'
import { upCommandOf } from '../../space/text/up-command.ts'
import { cableLines, containerLines, tuningLines } from '../attachment-text.ts'
import { defineCommand, type Input } from '../command.ts'
import { openContext } from '../context.ts'
import { expectWorkOn } from '../jit.ts'
import { lookOn } from '../look-on.ts'
import type { Options } from '../options.ts'
import { policyLines } from '../policy-text.ts'
import { reachLines } from '../reach-text.ts'
import type { Style } from '../style.ts'
import { culpritText } from '../watch/text.ts'

const options = {} as const satisfies Options

/** Exit status of a status that is not all well. */
const foundDrift = 3

const run = async ({ positionals, output, environment }: Input<typeof options>): Promise<number> => {
  const names = positionals.map(name => parseName(name, optionSite(['name'])))
  const context = openContext(environment)
  using _kernel = context.kernel
  expectWorkOn(recordedNames(context.kernel, context.paths).length)
  const spaces = await lookOn({ output, environment }, onlooker =>
    statusWatched({ ...context, onlooker }, names.length === 0 ? undefined : names),
  )
  if (output.json)
    output.object(
      'status',
      names.length === 1 ? statusData(spaces[0] as SpaceStatus) : spaces.map(statusData),
    )
  else if (spaces.length === 0) output.note('no space is up')
  else
    for (const [index, space] of spaces.entries()) {
      const record = space.healthy ? undefined : readSpaceRecord(context.kernel, context.paths, space.name)
      output.lines([...(index === 0 ? [] : ['']), ...statusLines(space, record?.space, output.style)])
    }
  return spaces.every(space => space.healthy) ? 0 : foundDrift
}

const statusData = (space: SpaceStatus) => ({ ...space, uplink: space.uplink ?? null })

const statusLines = (space: SpaceStatus, asked: ResolvedSpace | undefined, style: Style): string[] => {
  const { bold, dim, green, red } = style
  const health = space.healthy
    ? green('healthy')
    : red(`${space.drift.length} ${space.drift.length === 1 ? 'thing is' : 'things are'} not as asked for`)
  const { receivedPackets, receivedBytes, sentPackets, sentBytes } = space.counters
  const rows: [string, readonly string[]][] = [
    ...(space.attachment === undefined
      ? []
      : [['container', containerLines(space.attachment)] as [string, string[]]]),
    ['namespace', [space.namespace]],
    ['cable', cableLines(space)],
    ['address', space.addresses],
    ['gateway', [space.gateway, space.gateway6 ?? ''].filter(text => text !== '')],
    ['uplink', [space.uplink ?? '']],
    ['reaches', policyLines(space)],
    ...(space.tuning === undefined ? [] : [['tuned', tuningLines(space.tuning)] as [string, string[]]]),
    ['published', reachLines(space.published)],
    ['routes inside', space.routes.inner],
    ['routes here', space.routes.host],
    ['received', [`${receivedPackets} packets, ${receivedBytes} bytes`]],
    ['sent', [`${sentPackets} packets, ${sentBytes} bytes`]],
  ]
  return [
    `${bold(space.name)}: ${health}`,
    ...rows.flatMap(([label, values]) =>
      (values.length === 0 || values[0] === '' ? ['none'] : values).map(
        (value, index) => `  ${dim((index === 0 ? label : '').padEnd(13))}  ${printable(value)}`,
      ),
    ),
    ...space.drift.flatMap(drift => driftLines(drift, style)),
    ...(space.noted === undefined ? [] : notedLines(space.noted, style)),
    // What a runtime asked for, only that can ask for again.
    ...(asked === undefined || asked.attachment !== undefined
      ? []
      : [`  ${dim('repair')}         ${visible(upCommandOf(asked))}`]),
  ]
}

const noteTexts = {
  differs: 'cannot repair this',
  failed: 'could not repair this, and tries again',
  fight: 'repaired this again and again, and leaves it alone',
  waits: 'has repaired this too often, and waits',
} as const

/** What a watch that runs beside says of it, and who it was as far as the kernel told. */
const notedLines = ({ event, time, until, by }: WatchNote, { dim }: Style): string[] => {
  const at = (milliseconds: number) => new Date(milliseconds).toTimeString().slice(0, 8)
  const end = until === undefined ? '' : ` until ${at(until)}`
  return [
    `  ${dim('a watch')}        ${noteTexts[event]}${end} (${at(time)})`,
    ...by.map(culprit => `    ${dim('changed by')}   ${culpritText(culprit)}`),
  ]
}

const driftLines = ({ resource, step, expected, found, without }: Drift, { red, dim }: Style): string[] => [
  `  ${red('differs')}        ${printable(resource)}`,
  `    ${dim('expected')}     ${printable(expected)}`,
  `    ${dim('found')}        ${printable(found)}`,
  `    ${dim('without it')}   ${without ?? stepOf(step).without}`,
]

export const statusCommand = defineCommand({
  name: 'status',
  summary: 'show spaces as the kernel has them, and what differs from what was asked for',
  usage: ['[NAME]...'],
  about: [
    'Reads everything from the kernel and compares it with what was asked for; changes nothing. Exit status 3 when something differs. With one NAME, the data of --json is an object; otherwise a list.',
    'Of published ports it tells who can reach them, by the address of this host that they are published on and by the firewalls of others; whether a program listens inside is not looked at.',
    'Counters are those of the inner end: what the space received and sent.',
  ],
  options,
  completes: 'space',
  examples: [
    { command: 'natspace status', does: 'all spaces' },
    { command: 'natspace status web --json', does: 'one space, for a program' },
  ],
  run,
})
