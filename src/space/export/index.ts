import { keptSpec } from '../boot/kept-spec.ts'
import type { Context } from '../reconcile/types.ts'
import { planUp } from '../reconcile/up.ts'
import { specOf } from '../spec/spec-of.ts'
import type { ResolvedSpace } from '../spec/types.ts'
import { scriptOf } from '../text/script.ts'
import { cniExport } from './cni.ts'
import { networkdExport } from './networkd.ts'
import { exportPlan } from './plan.ts'
import { specFileLines } from './spec-file.ts'
import { systemdExport } from './systemd.ts'
import type { Export } from './types.ts'
import { withoutSpaces } from './without-spaces.ts'

export type { Export, ExportFile } from './types.ts'

/** What spaces can be written as. */
export const exportForms = ['yaml', 'shell', 'systemd', 'networkd', 'cni'] as const
export type ExportForm = (typeof exportForms)[number]

/**
 * Spaces that are up in the words of others, made from the operations that would make them on this host if natspace had
 * never been there. Changes nothing. Throws NatspaceError as `up` does.
 */
export const exportOf = (context: Context, spaces: readonly ResolvedSpace[], form: ExportForm): Export => {
  const names = spaces.map(space => space.name)
  switch (form) {
    case 'yaml':
      return oneFile(
        `/etc/natspace/${names.length === 1 ? names[0] : 'spaces'}.yaml`,
        specFileLines(spaces.map(keptSpec)),
      )
    case 'cni':
      return cniExport(spaces)
    case 'shell': {
      const kernel = withoutSpaces(context.kernel, context.paths, names)
      const plan = planUp({ ...context, kernel }, spaces.map(specOf))
      const title = `natspace up ${names.join(' ')}`
      return oneFile(`/usr/local/sbin/${names[0]}.sh`, scriptOf({ title, ...plan, action: 'add' }, 'nft'))
    }
    case 'systemd':
      return systemdExport(exportPlan(context, spaces.map(specOf)))
    case 'networkd':
      return networkdExport(exportPlan(context, spaces.map(specOf)))
  }
}

const oneFile = (path: string, lines: readonly string[]): Export => ({
  files: [{ path, text: `${lines.join('\n')}\n` }],
  notes: [],
})
