import { down } from '../../space/reconcile/down.ts'
import type { DownResult } from '../../space/reconcile/types.ts'
import { optionSite } from '../../space/spec/fault.ts'
import { parseName } from '../../space/spec/validate.ts'
import { recordedNames } from '../../space/state/records.ts'
import { defineCommand, type Input } from '../command.ts'
import { openContext } from '../context.ts'
import { lockOptions } from '../environment.ts'
import { endOnSignals, heedSignals } from '../interrupt.ts'
import { expectWorkOn } from '../jit.ts'
import { lookOn } from '../look-on.ts'
import { type Options, usageError, type Values } from '../options.ts'
import type { Output } from '../output.ts'
import { requirePrivilege } from '../privilege.ts'
import { specOptions, specsOfFile } from '../spec-options.ts'
import { errorFinding, warningFinding } from '../summary.ts'

export const downOptions = {
  all: { kind: 'flag', help: 'every space that natspace has a record of' },
  file: { ...specOptions.file, help: 'the spaces of a file; - is stdin' },
} as const satisfies Options

const run = async ({
  options,
  positionals,
  output,
  environment,
}: Input<typeof downOptions>): Promise<number> => {
  const named = await namesOf('down', options, positionals)
  requirePrivilege('down')
  const context = openContext(environment)
  using _kernel = context.kernel
  endOnSignals()
  const names = named ?? recordedNames(context.kernel, context.paths)
  expectWorkOn(names.length)
  const result = await lookOn({ output, environment }, onlooker =>
    down({ ...context, onlooker }, names, lockOptions(environment)),
  )
  report(result, output)
  await heedSignals()
  return result.problems.length === 0 ? 0 : Math.max(...result.problems.map(problem => problem.exit))
}

/** The names given, or those of a file; undefined means all. Throws NatspaceError of exit 2. */
export const namesOf = async (
  command: string,
  { all, file }: Values<typeof downOptions>,
  positionals: readonly string[],
): Promise<string[] | undefined> => {
  const ways = [positionals.length > 0, all === true, file !== undefined].filter(Boolean).length
  if (ways === 0)
    throw usageError(
      'MISSING_ARGUMENT',
      `Cannot run natspace ${command}`,
      'the name of the space is missing',
      [`natspace ${command} NAME..., natspace ${command} --all, or natspace ${command} -f FILE`],
    )
  if (ways > 1)
    throw usageError(
      'CONFLICTING_OPTIONS',
      `Cannot run natspace ${command}`,
      'NAME, --all and --file exclude each other',
      ['give one of them'],
    )
  if (all) return undefined
  if (file !== undefined) return (await specsOfFile(file)).map(spec => spec.name)
  return positionals.map(name => parseName(name, optionSite(['name'])))
}

const report = ({ removed, absent, operations, problems, warnings }: DownResult, output: Output): void => {
  const findings = [...problems.map(errorFinding), ...warnings.map(warningFinding)]
  if (output.json) {
    output.object('down', { removed, absent, changes: operations.length - problems.length }, findings)
    return
  }
  const { bold } = output.style
  if (!output.quiet) {
    const rest = problems.length === 0 ? '' : ', but not everything could be removed'
    output.lines(removed.map(name => `${bold(name)} is down${rest}`))
    output.lines(absent.map(name => `${bold(name)} is not up; nothing to do`))
    if (removed.length + absent.length === 0) output.note('no space is up; nothing to do')
  }
  output.findings(findings)
}

export const downCommand = defineCommand({
  name: 'down',
  summary: 'remove spaces, and everything natspace made for them',
  usage: ['NAME...', '--all', '-f FILE'],
  about: [
    'Removes what natspace made and nothing else, from whatever state it is in. A namespace that was there before stays. With the last space the table, the forwarding switch and the state folder are as they were before the first.',
    'Ctrl-C before the first change leaves everything as it is; after it the removal goes on to its end, and then the exit status is 130. What takes longer than a second tells on a terminal how far it is.',
    'A name for which nothing is there is no error.',
  ],
  options: downOptions,
  completes: 'space',
  examples: [
    { command: 'natspace down web', does: 'one space' },
    { command: 'natspace down --all', does: 'all of them' },
    { command: 'natspace plan --down web', does: 'see what would be removed' },
  ],
  run,
})
