import { recordedSpaces } from '../../space/boot/kept-spec.ts'
import { SettingsTree } from '../../space/boot/tree.ts'
import { NatspaceError } from '../../space/errors.ts'
import { type ExportFile, type ExportForm, exportForms, exportOf } from '../../space/export/index.ts'
import { optionSite } from '../../space/spec/fault.ts'
import { printable } from '../../space/spec/quote.ts'
import { parseName } from '../../space/spec/validate.ts'
import { recordedNames } from '../../space/state/records.ts'
import { checkBootOptions } from '../boot-options.ts'
import { defineCommand, type Input } from '../command.ts'
import { openContext } from '../context.ts'
import { type Options, usageError } from '../options.ts'

const exportOptions = {
  as: {
    kind: 'value',
    placeholder: 'FORM',
    values: exportForms,
    help: 'yaml: a spec file (the default); shell: a script for sh; systemd: units with plain commands; networkd: .netdev and .network files; cni: a list of plugins',
  },
  all: { kind: 'flag', help: 'every space that is up' },
  root: {
    kind: 'value',
    placeholder: 'DIR',
    completes: 'file',
    help: 'write the files below this folder, where they belong, instead of printing them',
  },
} as const satisfies Options

const run = async ({
  options,
  positionals,
  output,
  environment,
}: Input<typeof exportOptions>): Promise<number> => {
  const form = (options.as ?? 'yaml') as ExportForm
  const given = positionals.map(name => parseName(name, optionSite(['name'])))
  if ((given.length === 0) === (options.all !== true))
    throw given.length === 0
      ? usageError('MISSING_ARGUMENT', 'Cannot run natspace export', 'the name of a space is missing', [
          'natspace export NAME..., or natspace export --all',
        ])
      : usageError('CONFLICTING_OPTIONS', 'Cannot run natspace export', 'NAME and --all exclude each other', [
          'give one of them',
        ])
  const root = options.root === undefined ? undefined : checkBootOptions({ root: options.root })
  const context = openContext(environment)
  using _kernel = context.kernel
  const names = options.all ? recordedNames(context.kernel, context.paths) : [...new Set(given)]
  const { files, notes } = exportOf(context, recordedSpaces(context, names), form)
  const written = root === undefined ? undefined : write(new SettingsTree(root), files)
  if (output.json) output.object('export', { form, files, notes, written: written ?? [] })
  else {
    if (written === undefined) output.lines(printed(files))
    else if (!output.quiet) output.lines(written.map(path => `wrote    ${printable(path)}`))
    for (const note of notes) output.note(`note: ${printable(note)}`)
  }
  return 0
}

/** One file as it stands; several as `systemctl cat` shows them: each behind a comment with its path. */
const printed = (files: readonly ExportFile[]): string[] => {
  const texts = files.map(({ path, text }) => ({ path, lines: text.trimEnd().split('\n') }))
  const [only, ...others] = texts
  if (only !== undefined && others.length === 0) return only.lines
  return texts.flatMap(({ path, lines }, index) => [...(index === 0 ? [] : ['']), `# ${path}`, ...lines])
}

/** All files or none, and none in the place of another. */
const write = (tree: SettingsTree, files: readonly ExportFile[]): string[] => {
  const present = files.find(({ path }) => tree.look(path).type !== 'missing')
  if (present !== undefined)
    throw new NatspaceError({
      code: 'FILE_TAKEN',
      exit: 1,
      what: `cannot write ${tree.at(present.path)}`,
      why: 'something is there already',
      fix: ['move it away, or name another folder with --root'],
    })
  try {
    for (const { path, text } of files) {
      tree.makeFolder(path.slice(0, path.lastIndexOf('/')))
      tree.write(path, text)
    }
  } catch (error) {
    tree.rollBack()
    throw error
  }
  return files.map(({ path }) => tree.at(path))
}

export const exportCommand = defineCommand({
  name: 'export',
  summary: 'print spaces in the words of others: a spec file, a script, systemd, networkd, CNI',
  usage: ['NAME... [OPTION]...', '--all [OPTION]...'],
  about: [
    'Prints what would make these spaces on this host if natspace had never been there, from the same operations as natspace plan. It changes nothing. What a form cannot say is told in comments and in notes on stderr.',
    'yaml is what natspace up -f reads. systemd is a unit of plain commands of ip and nft, which needs no natspace. networkd makes the cable and the host end; the rest stands in comments. cni is a list for the plugins ptp, host-local and portmap.',
    'Several files are printed as systemctl cat does: each behind a comment with the place where it belongs. With --root DIR they are written there; / is this system.',
  ],
  options: exportOptions,
  completes: 'space',
  examples: [
    { command: 'natspace export web > web.yaml', does: 'a file for natspace up -f' },
    { command: 'natspace export web --as systemd', does: 'units that do the same without natspace' },
    { command: 'natspace export web --as cni', does: 'for a container runtime' },
  ],
  run,
})
