import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { TreeChange } from '../space/boot/tree.ts'
import { printable, quote } from '../space/spec/quote.ts'
import { type Options, usageError } from './options.ts'
import type { Finding, Output } from './output.ts'

/** The options that enable and disable share. */
export const bootOptions = {
  root: {
    kind: 'value',
    placeholder: 'DIR',
    completes: 'file',
    help: 'work on the system below this folder, and run nothing',
  },
} as const satisfies Options

/** The folder that stands for `/`. Throws NatspaceError of exit 2. */
export const checkBootOptions = (options: {
  root?: string | undefined
  now?: boolean | undefined
}): string => {
  if (options.root === undefined) return '/'
  if (options.now)
    throw usageError(
      'CONFLICTING_OPTIONS',
      'Cannot use --now together with --root',
      'that system does not run',
      ['leave out one of them'],
    )
  const root = resolve(options.root)
  if (statSync(root, { throwIfNoEntry: false })?.isDirectory()) return root
  throw usageError('NO_FILE', `Cannot use the folder ${quote(options.root)}`, 'there is no such folder', [
    'name the folder that holds etc/',
  ])
}

/** What enable or disable did. */
export type BootReport = {
  command: string
  title: string
  data: Readonly<Record<string, unknown>>
  changes: readonly TreeChange[]
  /** Commands that are left to be run. */
  next: readonly string[]
  findings: readonly Finding[]
}

const verbs: Record<TreeChange['action'], string> = {
  make: 'made   ',
  write: 'wrote  ',
  link: 'linked ',
  remove: 'removed',
}

export const bootReport = (output: Output, report: BootReport): void => {
  const { command, title, data, changes, next, findings } = report
  if (output.json) {
    output.object(command, { ...data, changes, next }, findings)
    return
  }
  const { dim } = output.style
  if (!output.quiet)
    output.lines([
      ...changes.map(({ action, path }) => `${dim(verbs[action])}  ${printable(path)}`),
      title,
      ...next.map(line => `  ${dim('next:')} ${line}`),
    ])
  output.findings(findings)
}
