import { recordedSpaces } from '../../space/boot/kept-spec.ts'
import { exportOf } from '../../space/export/index.ts'
import type { Context } from '../../space/reconcile/types.ts'
import { fieldSite } from '../../space/spec/fault.ts'
import type { ResolvedSpace } from '../../space/spec/types.ts'
import { parseName } from '../../space/spec/validate.ts'
import { recordedNames } from '../../space/state/records.ts'

/** A name as it may stand in a path. Throws NatspaceError BAD_NAME. */
export const checkedName = (name: string): string => parseName(name, fieldSite(['name']))

/** A space that is up. Throws NatspaceError BAD_NAME, NOT_FOUND. */
export const spaceNamed = (context: Context, name: string): ResolvedSpace =>
  recordedSpaces(context, [checkedName(name)])[0] as ResolvedSpace

/** All spaces that are up as a spec file, which `up -f` reads. Throws NatspaceError STATE_UNREADABLE. */
export const specText = (context: Context): string => {
  const names = recordedNames(context.kernel, context.paths)
  if (names.length === 0) return 'spaces: {}\n'
  const { files } = exportOf(context, recordedSpaces(context, names), 'yaml')
  return files.map(({ text }) => text).join('')
}
