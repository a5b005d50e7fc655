import { NatspaceError } from '../../space/errors.ts'
import { down } from '../../space/reconcile/down.ts'
import type { Context } from '../../space/reconcile/types.ts'
import { up } from '../../space/reconcile/up.ts'
import type { Applied } from '../protocol.ts'
import { readSpecs, warningData } from './plan.ts'

/** What the page may change where it may change anything: what `natspace up -f` and `natspace down` do. */

/** How long a change waits for another natspace, in milliseconds. */
type LockOptions = { lockPatience?: number }

/** Brings the spaces of a text up, all or none. Throws as `readSpecs` and `up`. */
export const applyText = async (context: Context, text: string, options: LockOptions): Promise<Applied> => {
  const specs = await readSpecs(text)
  const { plan, changes } = await up(context, specs, options)
  return { changes, spaces: plan.spaces.map(({ name }) => name), warnings: plan.warnings.map(warningData) }
}

/** Takes spaces down. Throws as `down`, and the first of its problems with the others as evidence. */
export const removeSpaces = async (
  context: Context,
  names: readonly string[],
  options: LockOptions,
): Promise<Applied> => {
  const { removed, operations, problems, warnings } = await down(context, names, options)
  const [problem, ...others] = problems
  if (problem === undefined)
    return { changes: operations.length, spaces: removed, warnings: warnings.map(warningData) }
  const { code, exit, what, why, evidence, fix } = problem
  const more = others.map(({ message }) => message)
  throw new NatspaceError({ code, exit, what, why, evidence: [...evidence, ...more], fix })
}

/** The error for whoever only looks. */
export const changesNotAllowed = (): NatspaceError =>
  new NatspaceError({
    code: 'CHANGES_NOT_ALLOWED',
    exit: 4,
    what: 'cannot change anything from the page',
    why: 'the server was started to look only',
    fix: ['start it with natspace ui --allow-changes', 'or try it in the lab: natspace ui --lab'],
  })
