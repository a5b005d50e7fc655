import { NatspaceError } from '../../space/errors.ts'
import { planDown } from '../../space/reconcile/down.ts'
import type { Operation } from '../../space/reconcile/operation.ts'
import type { Context, Warning } from '../../space/reconcile/types.ts'
import { planUp } from '../../space/reconcile/up.ts'
import type { ResolvedSpace, SpaceSpec } from '../../space/spec/types.ts'
import { readHostRecord, readSpaceRecord } from '../../space/state/records.ts'
import { stepOf } from '../../space/steps.ts'
import { type ScriptSource, scriptOf } from '../../space/text/script.ts'
import { shellOf } from '../../space/text/shell.ts'
import type { PlanReport } from '../protocol.ts'
import { imagineTopology, observeTopology, type PictureOptions } from './topology/observe.ts'

/** What `up -f` and `down` would do, as data, as scripts, and as a picture; nothing is changed. */

/** The name that stands for the file in messages; it is taken out of them again. */
const fileName = 'spec'

/**
 * The spaces of a text. Throws NatspaceError of exit 2 as `parseSpecFile`: its message, and those of its evidence that are of
 * other faults, begin with `spec:LINE:COLUMN`.
 */
export const readSpecs = async (text: string): Promise<SpaceSpec[]> => {
  // Reading a file needs YAML and the schema library.
  const { parseSpecFile } = await import('../../space/spec/file.ts')
  return parseSpecFile(text, fileName)
}

/** What bringing the spaces of a text up would do. Throws what is no mistake of the text. */
export const planOfText = async (
  context: Context,
  picture: PictureOptions,
  text: string,
): Promise<PlanReport> => {
  try {
    const specs = await readSpecs(text)
    const { operations, spaces, warnings } = planUp(context, specs)
    const names = spaces.map(({ name }) => name)
    return {
      problems: [],
      operations: operations.map(operationData),
      warnings: warnings.map(warningData),
      scripts: scriptsOf({
        title: `natspace up ${names.join(' ')}`,
        operations,
        spaces,
        former: recorded(context, names),
        action: 'add',
      }),
      topology: imagineTopology(context, picture, { planned: spaces }),
    }
  } catch (error) {
    // What natspace refuses before it changes anything: the text is wrong, or this host has no room for it.
    if (!(error instanceof NatspaceError) || error.exit > 2) throw error
    return {
      problems: problemsOf(error),
      operations: [],
      warnings: [],
      scripts: { shell: '', nft: '', iptables: '' },
      topology: observeTopology(context, picture),
    }
  }
}

/** What taking these spaces down would do. Throws as `planDown`. */
export const planOfRemoval = (
  context: Context,
  picture: PictureOptions,
  names: readonly string[],
): PlanReport => {
  const spaces = recorded(context, names)
  const operations = planDown(context, names)
  const host = readHostRecord(context.kernel, context.paths)
  return {
    problems: [],
    operations: operations.map(operationData),
    warnings: [],
    scripts: scriptsOf({
      title: `natspace down ${names.join(' ')}`,
      operations,
      spaces,
      action: 'remove',
      guarded: [...(host?.forwarding ? [4 as const] : []), ...(host?.forwarding6 ? [6 as const] : [])],
    }),
    topology: imagineTopology(context, picture, { removed: names }),
  }
}

const recorded = ({ kernel, paths }: Context, names: readonly string[]): ResolvedSpace[] =>
  names.flatMap(name => readSpaceRecord(kernel, paths, name)?.space ?? [])

const scriptsOf = (source: ScriptSource): PlanReport['scripts'] => {
  const text = (dialect: keyof PlanReport['scripts']) => `${scriptOf(source, dialect).join('\n')}\n`
  return { shell: text('shell'), nft: text('nft'), iptables: text('iptables') }
}

const operationData = (
  { change, step, space }: Operation,
  index: number,
): PlanReport['operations'][number] => {
  const { name, number, title, why } = stepOf(step)
  return {
    number: index + 1,
    step: { name, number: number ?? null, title, why },
    space: space ?? null,
    commands: shellOf(change),
  }
}

/** A warning of a plan, as the command prints it. Pure. */
export const warningData = ({
  code,
  space,
  what,
  why,
  evidence,
  fix,
}: Warning): PlanReport['warnings'][number] => ({
  code,
  title: space === undefined ? what : `${space}: ${what}`,
  why,
  evidence,
  fix,
})

/** The fault itself, with its place, and those of others in the same text. Pure. */
export const problemsOf = ({ what, why, evidence, fix }: NatspaceError): PlanReport['problems'] => {
  const others = evidence.filter(line => placed.test(line))
  return [
    { ...placeOf(what), why: [why, ...evidence.filter(line => !placed.test(line))].join('; '), fix },
    ...others.map(line => ({ ...placeOf(line), why: '', fix: [] })),
  ]
}

const placed = new RegExp(`^${fileName}:(\\d+):(\\d+): (.*)$`, 's')

const placeOf = (text: string): Pick<PlanReport['problems'][number], 'message' | 'line' | 'column'> => {
  const [, line, column, message] = placed.exec(text) ?? []
  if (message !== undefined) return { message, line: Number(line), column: Number(column) }
  return { message: text.startsWith(`${fileName}: `) ? text.slice(fileName.length + 2) : text }
}
