import { statusWatched } from '../../space/reconcile/status.ts'
import type { SpaceStatus } from '../../space/reconcile/types.ts'
import { printable } from '../../space/spec/quote.ts'
import { recordedNames } from '../../space/state/records.ts'
import { shortNameOf } from '../attachment-text.ts'
import { defineCommand, type Input } from '../command.ts'
import { openContext } from '../context.ts'
import { expectWorkOn } from '../jit.ts'
import { lookOn } from '../look-on.ts'
import { noArguments, type Options } from '../options.ts'
import { table } from '../table.ts'

const options = {} as const satisfies Options

const run = async ({ positionals, output, environment }: Input<typeof options>): Promise<number> => {
  noArguments('ls', positionals)
  const context = openContext(environment)
  using _kernel = context.kernel
  expectWorkOn(recordedNames(context.kernel, context.paths).length)
  const spaces = await lookOn({ output, environment }, onlooker => statusWatched({ ...context, onlooker }))
  if (output.json) {
    output.object('ls', spaces.map(row))
    return 0
  }
  if (spaces.length === 0) {
    output.note('no space is up')
    return 0
  }
  const { bold, green, red } = output.style
  const rows = spaces.map(row)
  // Most hosts have either spaces of their own, or those of a runtime.
  const withContainers = rows.some(({ container }) => container !== undefined)
  const cells = rows.map(({ name, address, uplink, publish, healthy, container }) => [
    name,
    ...(withContainers ? [printable(container ?? '-')] : []),
    address ?? '-',
    printable(uplink ?? '-'),
    publish.join(' ') || '-',
    healthy ? green('yes') : red('no'),
  ])
  const titles = ['ADDRESS', 'UPLINK', 'PUBLISHED', 'HEALTHY']
  output.lines(table(['NAME', ...(withContainers ? ['CONTAINER'] : []), ...titles], cells, bold))
  return 0
}

const row = ({ name, attachment, addresses, uplink, publish, healthy }: SpaceStatus) => ({
  name,
  ...(attachment === undefined ? {} : { container: shortNameOf(attachment) }),
  address: addresses[0]?.replace(/\/.*/, '') ?? null,
  uplink: uplink ?? null,
  publish,
  healthy,
})

export const lsCommand = defineCommand({
  name: 'ls',
  summary: 'list the spaces',
  usage: [''],
  about: [
    'Lists every space that natspace has a record of. UPLINK is the link by which its packets leave now; CONTAINER, where a container runtime has asked for spaces (CNI), is the pod or the beginning of the container’s own name. HEALTHY says whether all is as it was asked for (natspace status NAME tells what is not).',
  ],
  options,
  completes: 'none',
  examples: [
    { command: 'natspace ls', does: 'a table' },
    { command: 'natspace ls --json', does: 'the same for a program' },
  ],
  run,
})
