import type { AdoptFinding, HandMade } from '../../space/adopt/adopt.ts'
import { adopt, planAdopt } from '../../space/adopt/adopt.ts'
import { specFileLines } from '../../space/export/spec-file.ts'
import type { Plan } from '../../space/reconcile/types.ts'
import { optionSite } from '../../space/spec/fault.ts'
import { printable, quote } from '../../space/spec/quote.ts'
import { parseName } from '../../space/spec/validate.ts'
import { shellOf } from '../../space/text/shell.ts'
import { defineCommand, type Input } from '../command.ts'
import { openContext } from '../context.ts'
import { lockOptions } from '../environment.ts'
import { endOnSignals, heedSignals } from '../interrupt.ts'
import { type Options, usageError } from '../options.ts'
import type { Finding, Output } from '../output.ts'
import { planLines } from '../plan-text.ts'
import { requirePrivilege } from '../privilege.ts'
import { styleOf } from '../style.ts'
import { spaceData, spaceLines, warningFinding } from '../summary.ts'

const adoptOptions = {
  yes: { kind: 'flag', short: 'y', help: 'take it over; without it nothing is changed' },
  dryRun: { kind: 'flag', help: 'change nothing, as without --yes' },
  replace: {
    kind: 'flag',
    help: 'remove the rules made by hand that natspace makes superfluous; natspace takes their place first',
  },
} as const satisfies Options

/** Exit status where not all could be understood. */
const foundSomething = 3

const run = async (input: Input<typeof adoptOptions>): Promise<number> => {
  const { options, positionals, output, environment } = input
  const name = nameOf(input)
  if (options.yes && options.dryRun)
    throw usageError(
      'CONFLICTING_OPTIONS',
      'Cannot use --yes together with --dry-run',
      'they say the opposite',
      ['leave out one of them'],
    )
  requirePrivilege(`adopt ${positionals[0] ?? ''}`.trim())
  const context = openContext(environment)
  using _kernel = context.kernel
  const replace = options.replace === true
  if (!options.yes) {
    const { handMade, plan } = planAdopt(context, name, { replace })
    report(output, { handMade, plan, replace, adopted: false, changes: 0, removed: [] })
    return statusOf(handMade)
  }
  endOnSignals()
  const result = await adopt(context, name, { replace, ...lockOptions(environment) })
  if (result === undefined) {
    const { handMade } = planAdopt(context, name)
    report(output, { handMade, plan: undefined, replace, adopted: false, changes: 0, removed: [] })
    return foundSomething
  }
  const { handMade, plan, changes, removed } = result
  report(output, {
    handMade,
    plan,
    replace,
    adopted: true,
    changes,
    removed: removed.map(rule => rule.remove),
  })
  await heedSignals()
  return statusOf(handMade)
}

const nameOf = ({ positionals }: Input<typeof adoptOptions>): string => {
  const [name, extra] = positionals
  if (name === undefined)
    throw usageError(
      'MISSING_ARGUMENT',
      'Cannot run natspace adopt',
      'the name of the namespace is missing',
      ['natspace adopt NAMESPACE; ip netns list shows those that are there'],
    )
  if (extra !== undefined)
    throw usageError(
      'UNEXPECTED_ARGUMENT',
      `Cannot use the argument ${quote(extra)}`,
      'one namespace is adopted at a time',
      ['leave it out'],
    )
  const known = name.replace(/^\/(var\/)?run\/netns\//, '')
  if (known.includes('/'))
    throw usageError(
      'BAD_NAME',
      `Cannot adopt ${quote(name)}`,
      'a namespace is adopted by its name below /run/netns',
      ['give it one: ip netns attach NAME PID'],
    )
  return parseName(known, optionSite(['name']))
}

const statusOf = ({ findings }: HandMade): number =>
  findings.some(({ severity }) => severity !== 'notice') ? foundSomething : 0

type Report = {
  handMade: HandMade
  plan: Plan | undefined
  replace: boolean
  adopted: boolean
  changes: number
  removed: string[]
}

const report = (output: Output, { handMade, plan, replace, adopted, changes, removed }: Report): void => {
  const { spec, space, redundant } = handMade
  const findings = [...handMade.findings.map(findingOf), ...(plan?.warnings ?? []).map(warningFinding)]
  const yaml = specFileLines([spec])
  if (output.json) {
    const data = {
      adopted,
      changes,
      file: `${yaml.join('\n')}\n`,
      space: spaceData(plan?.spaces[0] ?? space),
      operations: (plan?.operations ?? []).map(({ change, step }) => ({
        step,
        change,
        commands: shellOf(change),
      })),
      superfluous: redundant.map(({ text, remove, restore }) => ({ text, remove, restore })),
      removed,
    }
    output.object('adopt', data, findings)
    return
  }
  const { bold, dim, green } = output.style
  if (adopted) {
    if (!output.quiet)
      output.lines([
        `${bold(space.name)} is ${green('adopted')}: natspace manages it from now on`,
        ...spaceLines(plan?.spaces[0] ?? space, output.style),
        ...removed.map(command => `  ${dim('removed  ')}  ${printable(command)}`),
      ])
  } else
    output.lines([
      ...yaml,
      ...(plan === undefined
        ? []
        : comment(
            planLines(`What natspace would change`, plan.operations, {
              style: styleOf(false),
              verbose: output.verbose,
            }),
          )),
    ])
  if (redundant.length > 0 && !(adopted && (replace || output.quiet)))
    output.lines(
      comment([
        replace
          ? 'Rules made by hand that would be removed:'
          : 'Rules made by hand that natspace makes superfluous (--replace removes them):',
        ...redundant.flatMap(({ text, remove }) => [`  ${text}`, `    ${remove}`]),
      ]),
    )
  if (adopted && replace && redundant.length > 0)
    output.note(
      ['To have the rules made by hand back:', ...redundant.map(({ restore }) => `  ${restore}`)].join('\n'),
    )
  output.findings(findings)
  if (!adopted && plan !== undefined)
    output.note(`Nothing was changed. natspace adopt ${space.name} --yes takes it over.`)
  if (!adopted && plan === undefined) output.note('Nothing was changed: something stands in the way.')
}

/** So that what is printed is a spec file for natspace up -f, whatever else it says. */
const comment = (lines: readonly string[]): string[] => [
  '#',
  ...lines.map(line => `# ${printable(line)}`.trimEnd()),
]

const findingOf = ({ code, severity, what, why, evidence, fix }: AdoptFinding): Finding => ({
  code,
  severity,
  title: what,
  evidence,
  why,
  fix: { commands: fix, undo: [] },
  hides: [],
})

export const adoptCommand = defineCommand({
  name: 'adopt',
  summary: 'take over a namespace that was connected by hand',
  usage: ['NAMESPACE [OPTION]...'],
  about: [
    'Reads how a namespace is connected: its cable by where its default route leads, and the translation, the published ports and what may pass by asking the rules of this host what they do, whoever wrote them and in which form. Prints that as a spec file, what natspace would change to manage it, and the rules made by hand that become superfluous. With --yes it does so.',
    'Connections go on: the cable stays and is marked as one of natspace, last of all. The rules made by hand stay too, unless with --replace: then natspace takes their place first, and the commands to have them back are printed.',
    'What is not understood is said, with exit status 3; where it stands in the way, nothing is changed. Afterwards natspace down takes the cable away and leaves the namespace, as it does with every namespace that it did not make.',
  ],
  options: adoptOptions,
  completes: 'namespace',
  examples: [
    { command: 'natspace adopt myspace', does: 'what it is, and what would change' },
    { command: 'natspace adopt myspace --yes', does: 'take it over' },
    { command: 'natspace adopt myspace --yes --replace', does: 'and remove the rules made by hand' },
  ],
  run,
})
