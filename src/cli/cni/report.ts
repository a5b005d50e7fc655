import type { InstallStep } from '../../cni/install/install.ts'
import { printable } from '../../space/spec/quote.ts'
import type { Finding, Output } from '../output.ts'

/** What `natspace cni install` or `uninstall` did, or would do. */
export type InstallReport = {
  action: 'install' | 'uninstall'
  dryRun: boolean
  /** Null where the program alone is installed. */
  network: string | null
  steps: readonly InstallStep[]
  findings: readonly Finding[]
}

const did = { make: 'made', copy: 'copied', write: 'wrote', remove: 'removed' } as const
const would = { make: 'make', copy: 'copy', write: 'write', remove: 'remove' } as const

/** One line for each file, and what it comes to; with --json the steps as data. */
export const installReport = (output: Output, report: InstallReport): void => {
  const { action, dryRun, network, steps, findings } = report
  if (output.json) {
    output.object('cni', { action, dryRun, network, steps }, findings)
    return
  }
  if (!output.quiet) {
    const verbs = dryRun ? would : did
    const { dim } = output.style
    output.lines([
      ...steps.map(
        ({ action: verb, path, replaces }) =>
          `${dim(`${dryRun ? 'would ' : ''}${verbs[verb]}`.padEnd(dryRun ? 12 : 7))}  ${printable(path)}${replaces ? ', in place of an older one' : ''}`,
      ),
      outcome(report),
    ])
  }
  output.findings(findings)
}

const outcome = ({ action, dryRun, network, steps }: InstallReport): string => {
  const already = steps.length === 0
  const what = network === null ? 'the plugin' : `the network ${network}`
  if (action === 'install') {
    if (already) return `${what} is installed already`
    return dryRun ? 'nothing was changed' : `${what} is installed`
  }
  if (already) return `nothing of ${what} is installed here`
  return dryRun ? 'nothing was changed' : `${what} is not installed any more`
}
