import { status } from '../../space/reconcile/status.ts'
import type { SpaceStatus } from '../../space/reconcile/types.ts'
import { printable } from '../../space/spec/quote.ts'
import { defineCommand, type Input } from '../command.ts'
import { openContext } from '../context.ts'
import { noArguments, type Options } from '../options.ts'
import { table } from '../table.ts'

const options = {} as const satisfies Options

const run = async ({ positionals, output, environment }: Input<typeof options>): Promise<number> => {
  noArguments('ls', positionals)
  const context = openContext(environment)
  using _kernel = context.kernel
  const spaces = status(context)
  if (output.json) {
    output.object('ls', spaces.map(row))
    return 0
  }
  if (spaces.length === 0) {
    output.note('no space is up')
    return 0
  }
  const { bold, green, red } = output.style
  const cells = spaces
    .map(row)
    .map(({ name, address, uplink, publish, healthy }) => [
      name,
      address ?? '-',
      printable(uplink ?? '-'),
      publish.join(' ') || '-',
      healthy ? green('yes') : red('no'),
    ])
  output.lines(table(['NAME', 'ADDRESS', 'UPLINK', 'PUBLISHED', 'HEALTHY'], cells, bold))
  return 0
}

const row = ({ name, addresses, uplink, publish, healthy }: SpaceStatus) => ({
  name,
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
    'Lists every space that natspace has a record of. UPLINK is the link by which its packets leave now; HEALTHY says whether all is as it was asked for (natspace status NAME tells what is not).',
  ],
  options,
  completes: 'none',
  examples: [
    { command: 'natspace ls', does: 'a table' },
    { command: 'natspace ls --json', does: 'the same for a program' },
  ],
  run,
})
