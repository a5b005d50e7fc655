import { defineCommand } from '../command.ts'
import type { Options } from '../options.ts'

/** For the completion and the overview; the lab reads its own options and has its own help, as it starts itself anew. */
const options = {
  without: {
    kind: 'value',
    placeholder: 'STEP',
    values: ['6', '7', '8', '9'],
    help: 'leave a step out, show how it fails, add it, and show that it works',
  },
  scenario: {
    kind: 'value',
    placeholder: 'CODE',
    help: 'make a fault, and let the doctor find it',
  },
} as const satisfies Options

export const labCommand = defineCommand({
  name: 'lab',
  summary: 'try everything without root, on hosts and a LAN made of namespaces',
  usage: [
    '[run] [--without STEP | --scenario CODE]',
    'scenarios',
    'shell [host1|host2|myspace|lan] [-- COMMAND [ARG]...]',
  ],
  about: [],
  options,
  completes: ['run', 'scenarios', 'shell'],
  examples: [
    { command: 'natspace lab run', does: 'the whole experiment, with proofs' },
    { command: 'natspace lab run --scenario LNK-DOWN', does: 'a fault, and how the doctor finds it' },
  ],
  reads: 'raw',
  async help() {
    const { labHelp } = await import('../../lab/cli.ts')
    return labHelp.trimEnd().split('\n')
  },
  async run({ positionals, options: general }) {
    const { runLab } = await import('../../lab/cli.ts')
    const { teller } = await import('../lab/teller.ts')
    const before = [
      ...(general.json ? ['--json'] : []),
      ...(general.quiet ? ['--quiet'] : []),
      ...(general.verbose ? ['--verbose'] : []),
      ...(general.color === undefined ? [] : [`--color=${general.color}`]),
    ]
    return runLab([...before, ...positionals], teller)
  },
})
