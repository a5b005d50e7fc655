import type { Context, PublishResult } from '../space/reconcile/types.ts'
import { optionSite, type Site } from '../space/spec/fault.ts'
import { formatPublish } from '../space/spec/publish.ts'
import type { Publish } from '../space/spec/types.ts'
import { parseName } from '../space/spec/validate.ts'
import { stepOf } from '../space/steps.ts'
import type { Input } from './command.ts'
import { openContext } from './context.ts'
import { lockOptions } from './environment.ts'
import { endOnSignals, heedSignals } from './interrupt.ts'
import { type Options, usageError } from './options.ts'
import { requirePrivilege } from './privilege.ts'
import { spaceData, warningFinding } from './summary.ts'

/** What `publish` and `unpublish` share: NAME SPEC..., and how they report. */

export const portOptions = {} as const satisfies Options

/** A command as it is given. */
type Ports<T> = {
  command: 'publish' | 'unpublish'
  parse: (text: string, site: Site) => T
  change: (context: Context, name: string, ports: readonly T[], options: Limits) => Promise<PublishResult>
  /** A line for each port that came or went, and one for none. */
  changed: (port: Publish) => string
  unchanged: (name: string) => string
}
type Limits = { lockPatience?: number }

const specSite: Site = { field: 'SPEC' }

/** Runs one of the two; returns the exit status. Throws NatspaceError. */
export const runOnPorts = async <T>(
  { command, parse, change, changed, unchanged }: Ports<T>,
  { positionals, output, environment }: Input<typeof portOptions>,
): Promise<number> => {
  const [first, ...texts] = positionals
  if (first === undefined || texts.length === 0)
    throw usageError(
      'MISSING_ARGUMENT',
      `Cannot run natspace ${command}`,
      first === undefined ? 'the name of the space is missing' : 'the port is missing',
      [`natspace ${command} NAME SPEC..., such as natspace ${command} ${first ?? 'web'} 8080:80`],
    )
  const name = parseName(first, optionSite(['name']))
  const ports = texts.map(text => parse(text, specSite))
  requirePrivilege(command)
  const context = openContext(environment)
  using _kernel = context.kernel
  endOnSignals()
  const result = await change(context, name, ports, lockOptions(environment))
  const findings = result.plan.warnings.map(warningFinding)
  if (output.json) {
    const data = {
      space: spaceData(result.space),
      [`${command}ed`]: result.changed.map(formatPublish),
      changes: result.changes,
    }
    output.object(command, data, findings)
  } else {
    if (output.verbose)
      output.messages(
        result.plan.operations.map(operation => `${operation.change.type}: ${stepOf(operation.step).title}`),
      )
    if (!output.quiet) {
      const title = output.style.bold(name)
      const lines = result.changed.map(port => `${title}: ${changed(port)}`)
      output.lines(lines.length > 0 ? lines : [unchanged(title)])
    }
    output.findings(findings)
  }
  await heedSignals()
  return 0
}
