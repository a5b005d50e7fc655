import type { IpFamily } from '../../linux/net/ip.ts'
import { planDown } from '../../space/reconcile/down.ts'
import type { Operation } from '../../space/reconcile/operation.ts'
import type { Context } from '../../space/reconcile/types.ts'
import { planUp } from '../../space/reconcile/up.ts'
import type { ResolvedSpace } from '../../space/spec/types.ts'
import { readHostRecord, readSpaceRecord, recordedNames } from '../../space/state/records.ts'
import { stepOf } from '../../space/steps.ts'
import { scriptOf } from '../../space/text/script.ts'
import { shellOf } from '../../space/text/shell.ts'
import { defineCommand, type Input } from '../command.ts'
import { openContext } from '../context.ts'
import { type Options, optionName, usageError } from '../options.ts'
import type { Finding } from '../output.ts'
import { planLines } from '../plan-text.ts'
import { specOptions, specsFrom } from '../spec-options.ts'
import { spaceData, warningFinding } from '../summary.ts'
import { namesOf } from './down.ts'

const options = {
  as: {
    kind: 'value',
    placeholder: 'FORM',
    values: ['text', 'shell', 'iptables', 'nft', 'json'],
    help: 'text: what and why (the default); shell, nft, iptables: a script for sh; json: data',
  },
  down: { kind: 'flag', help: 'show what natspace down would do' },
  all: { kind: 'flag', help: 'with --down: every space' },
  ...specOptions,
} as const satisfies Options

type PlanInput = Input<typeof options>
type Planned = {
  title: string
  operations: readonly Operation[]
  spaces: readonly ResolvedSpace[]
  findings: Finding[]
  former?: readonly ResolvedSpace[]
  guarded?: readonly IpFamily[]
}

const run = async (input: PlanInput): Promise<number> => {
  const { output } = input
  const form = input.options.as ?? 'text'
  const { findings, ...plan } = await planned(input)
  const { title, operations, spaces } = plan
  if (output.json || form === 'json') {
    const data = {
      ...(input.options.down
        ? { removes: spaces.map(space => space.name) }
        : { spaces: spaces.map(spaceData) }),
      operations: operations.map(operationData),
    }
    output.object('plan', data, findings)
    return 0
  }
  const action = input.options.down ? 'remove' : 'add'
  output.lines(
    form === 'text'
      ? planLines(title, operations, output)
      : scriptOf({ ...plan, action }, form as 'shell' | 'nft' | 'iptables'),
  )
  output.findings(findings)
  return 0
}

const planned = async (input: PlanInput): Promise<Planned> =>
  input.options.down ? plannedDown(input) : plannedUp(input)

const plannedUp = async ({ options, positionals, environment }: PlanInput): Promise<Planned> => {
  if (options.all)
    throw usageError('CONFLICTING_OPTIONS', 'Cannot use --all', 'it goes with --down only', [
      'natspace plan --down --all',
    ])
  const specs = await specsFrom('plan', options, positionals)
  const context = openContext(environment)
  using _kernel = context.kernel
  const plan = planUp(context, specs)
  return {
    title: `natspace up ${namesText(plan.spaces)}`,
    operations: plan.operations,
    spaces: plan.spaces,
    former: recorded(
      context,
      plan.spaces.map(space => space.name),
    ),
    findings: plan.warnings.map(warningFinding),
  }
}

const plannedDown = async ({ options, positionals, environment }: PlanInput): Promise<Planned> => {
  const unwanted = Object.keys(specOptions).find(
    key => key !== 'file' && options[key as keyof typeof specOptions] !== undefined,
  )
  if (unwanted !== undefined)
    throw usageError(
      'CONFLICTING_OPTIONS',
      `Cannot use ${optionName(unwanted)} together with --down`,
      'a space is removed whole',
      ['natspace plan --down NAME'],
    )
  const named = await namesOf('plan --down', options, positionals)
  const context = openContext(environment)
  using _kernel = context.kernel
  const names = named ?? recordedNames(context.kernel, context.paths)
  const spaces = recorded(context, names)
  const host = readHostRecord(context.kernel, context.paths)
  return {
    title: `natspace down ${names.join(' ')}`,
    operations: planDown(context, names),
    spaces,
    findings: [],
    guarded: [...(host?.forwarding ? [4 as const] : []), ...(host?.forwarding6 ? [6 as const] : [])],
  }
}

const recorded = ({ kernel, paths }: Context, names: readonly string[]): ResolvedSpace[] =>
  names.flatMap(name => readSpaceRecord(kernel, paths, name)?.space ?? [])

const namesText = (spaces: readonly ResolvedSpace[]): string =>
  spaces.length <= 5 ? spaces.map(space => space.name).join(' ') : `for ${spaces.length} spaces`

const operationData = ({ change, undo, step, space }: Operation, index: number) => {
  const { name, number, title, why } = stepOf(step)
  return {
    number: index + 1,
    step: { name, number: number ?? null, title, why },
    space: space ?? null,
    change,
    undo,
    commands: shellOf(change),
  }
}

export const planCommand = defineCommand({
  name: 'plan',
  summary: 'show what up or down would do, and change nothing',
  usage: ['NAME [OPTION]...', '-f FILE [NAME]...', '--down NAME...|--all'],
  about: [
    'Takes the options of up, compares what they ask for with what the kernel has, and prints the operations that are missing: each with its reason, as commands of ip, sysctl and nft, or as data. The scripts do the same when sh runs them as root, except for the files in which natspace keeps its own state.',
  ],
  options,
  completes: 'space',
  examples: [
    { command: 'natspace plan web -p 8080:80', does: 'what would be done, and why' },
    { command: 'natspace plan web --as shell', does: 'the same as a script' },
    { command: 'natspace plan web --as iptables', does: 'with iptables in place of nft' },
    { command: 'natspace plan --down web', does: 'what a removal would do' },
  ],
  run,
})
