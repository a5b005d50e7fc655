import { leftTraceInstances, removeTraceInstances } from '../../insight/walk/trace-instance.ts'
import { leftTraceTables, removeLeftTraceTables } from '../../insight/walk/trace-table.ts'
import { type GcResult, gc, planGc } from '../../space/reconcile/gc.ts'
import type { Context } from '../../space/reconcile/types.ts'
import { doWorkWatched, eachOf, type Work } from '../../space/reconcile/work.ts'
import { readSpaceRecord, recordedNames } from '../../space/state/records.ts'
import { shellOf } from '../../space/text/shell.ts'
import { defineCommand, type Input } from '../command.ts'
import { openContext } from '../context.ts'
import { lockOptions } from '../environment.ts'
import { endOnSignals, heedSignals } from '../interrupt.ts'
import { lookOn } from '../look-on.ts'
import { type Options, usageError } from '../options.ts'
import { planLines } from '../plan-text.ts'
import { requirePrivilege } from '../privilege.ts'
import { errorFinding, warningFinding } from '../summary.ts'

const options = {
  'dry-run': { kind: 'flag', help: 'show what would be removed, and change nothing' },
} as const satisfies Options

const run = async ({
  options: given,
  positionals,
  output,
  environment,
}: Input<typeof options>): Promise<number> => {
  if (positionals.length > 0)
    throw usageError('UNEXPECTED_ARGUMENT', 'Cannot run natspace gc', 'it takes no names', [
      'natspace gc looks at all there is; natspace down NAME removes one space',
    ])
  requirePrivilege('gc')
  const dryRun = given['dry-run'] === true
  const context = openContext(environment)
  using _kernel = context.kernel
  endOnSignals()
  const { result, traces } = await lookOn({ output, environment }, async onlooker => ({
    result: await (dryRun ? planGc : gc)({ ...context, onlooker }, lockOptions(environment)),
    traces: await doWorkWatched(tracesOf(context, dryRun), onlooker),
  }))
  const findings = [...result.problems.map(errorFinding), ...result.warnings.map(warningFinding)]
  if (output.json)
    output.object('gc', { dryRun, operations: result.operations.map(operationData), traces }, findings)
  else {
    if (!output.quiet) {
      const title = dryRun ? 'natspace gc would do' : 'natspace gc'
      if (result.operations.length > 0) output.lines(planLines(title, result.operations, output))
      const verb = dryRun ? 'would remove' : 'removed'
      output.lines(traces.map(name => `${verb} what a trace that was killed left: ${name}`))
      if (result.operations.length + traces.length === 0)
        output.lines(['nothing is left over; nothing to do'])
    }
    output.findings(findings)
  }
  await heedSignals()
  return result.problems.length === 0 ? 0 : Math.max(...result.problems.map(problem => problem.exit))
}

/** Tables and instances of traces whose process is gone; removed, unless that is only looked at. */
function* tracesOf({ kernel, paths }: Context, dryRun: boolean): Work<string[]> {
  const inside = recordedNames(kernel, paths).flatMap(
    name => readSpaceRecord(kernel, paths, name)?.space.namespacePath ?? [],
  )
  const places = [undefined, ...inside.filter(path => kernel.namespaceState(path) === 'present')]
  const tables = yield* eachOf(places, { phase: 'reading', mayEnd: dryRun }, where =>
    (dryRun ? leftTraceTables : removeLeftTraceTables)(kernel, where),
  )
  return [...tables, ...(dryRun ? leftTraceInstances : removeTraceInstances)()]
}

const operationData = ({ change, step, space }: GcResult['operations'][number]) => ({
  step,
  space: space ?? null,
  change,
  commands: shellOf(change),
})

export const gcCommand = defineCommand({
  name: 'gc',
  summary: 'remove what is left over, and put in order what was interrupted',
  usage: ['[--dry-run]'],
  about: [
    'First what a command that was killed had begun is taken back or completed: a space that was not up yet goes, one that was to change is again what it was, one that was to go goes. Then everything that natspace made and that belongs to no space of its records is removed: cables, namespaces, elements of its table, rules in the firewalls of others, files that were not written to their end, what containers had whose namespace and cable are gone, and what traces left; with the last space also the table, and forwarding is as it was before.',
    'Nothing is touched that lacks the mark of natspace, nor what belongs to a natspace with another NATSPACE_STATE. Every other command that changes something puts in order what was interrupted, too.',
  ],
  options,
  completes: 'none',
  examples: [
    { command: 'natspace gc --dry-run', does: 'see what is left over' },
    { command: 'natspace gc', does: 'remove it' },
  ],
  run,
})
