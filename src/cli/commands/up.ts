import type { UpResult } from '../../space/reconcile/types.ts'
import { up } from '../../space/reconcile/up.ts'
import { stepOf } from '../../space/steps.ts'
import { defineCommand, type Input } from '../command.ts'
import { openContext } from '../context.ts'
import { lockOptions } from '../environment.ts'
import { endOnSignals, heedSignals } from '../interrupt.ts'
import { expectWorkOn } from '../jit.ts'
import { lookOn } from '../look-on.ts'
import { requirePrivilege } from '../privilege.ts'
import { specOptions, specsFrom } from '../spec-options.ts'
import { spaceData, spaceLines, warningFinding } from '../summary.ts'

/** Spaces up to which each is shown with all it has; more become one line each. */
const shownInFull = 3

const run = async ({
  options,
  positionals,
  output,
  environment,
}: Input<typeof specOptions>): Promise<number> => {
  const specs = await specsFrom('up', options, positionals)
  requirePrivilege('up')
  expectWorkOn(specs.length)
  const context = openContext(environment)
  using _kernel = context.kernel
  endOnSignals()
  const result = await lookOn({ output, environment }, onlooker =>
    up({ ...context, onlooker }, specs, lockOptions(environment)),
  )
  const findings = result.plan.warnings.map(warningFinding)
  if (output.json)
    output.object('up', { spaces: result.plan.spaces.map(spaceData), changes: result.changes }, findings)
  else {
    if (output.verbose)
      output.messages(
        result.plan.operations.map(operation => `${operation.change.type}: ${stepOf(operation.step).title}`),
      )
    if (!output.quiet) output.lines(summary(result, output.style))
    output.findings(findings)
  }
  await heedSignals()
  return 0
}

const summary = (
  { plan, changes }: UpResult,
  style: Input<typeof specOptions>['output']['style'],
): string[] => {
  const touched = new Set(plan.operations.map(operation => operation.space))
  const isNew = (name: string) => changes > 0 && (touched.has(name) || touched.has(undefined))
  const title = (name: string) =>
    isNew(name)
      ? `${style.bold(name)} is ${style.green('up')}`
      : `${style.bold(name)} is already up; nothing to do`
  if (plan.spaces.length <= shownInFull)
    return plan.spaces.flatMap(space =>
      isNew(space.name) ? [title(space.name), ...spaceLines(space, style)] : [title(space.name)],
    )
  const done = plan.spaces.filter(space => isNew(space.name))
  return [
    ...done.map(space => `${title(space.name)}  ${space.address}/${space.prefixLength}`),
    `${done.length} of ${plan.spaces.length} spaces changed; all are up`,
  ]
}

export const upCommand = defineCommand({
  name: 'up',
  summary: 'create a space and connect it to the outside through NAT',
  usage: ['NAME [OPTION]...', '-f FILE [NAME]...'],
  about: [
    'Creates the namespace, the cable, the addresses, the route and the translation that are missing, and nothing else: on a space that is right already it changes nothing. When a step fails, all steps before it are undone.',
    'Ctrl-C takes back all that was begun, of one space or of thousands; nothing is left (exit status 130). What takes longer than a second tells on a terminal how far it is.',
    'Without options the space gets a small network of its own that overlaps no route of this host. Ports that are published before and not named now are closed: the options say the whole of what should be.',
  ],
  options: specOptions,
  completes: 'space',
  examples: [
    { command: 'natspace up web', does: 'a space with everything chosen for you' },
    { command: 'natspace up web -p 8080:80', does: 'port 8080 of this host leads to port 80 inside' },
    {
      command:
        'natspace up myspace --gateway 192.168.45.2/24 --address 192.168.45.3 --host-interface veth1 --interface veth2 --uplink eth0',
      does: 'names and addresses of your own',
    },
    { command: 'natspace up -f spaces.yaml', does: 'all spaces of a file, all or none' },
  ],
  run,
})
