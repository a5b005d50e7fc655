import { disable, enabledNames, isWatchEnabled, specFileOf } from '../../space/boot/enable.ts'
import { isBooted, systemctl } from '../../space/boot/systemd.ts'
import { SettingsTree, type TreeChange } from '../../space/boot/tree.ts'
import { instanceOf, unitNames } from '../../space/boot/units.ts'
import { down } from '../../space/reconcile/down.ts'
import { optionSite } from '../../space/spec/fault.ts'
import { parseSpecFile } from '../../space/spec/file.ts'
import { parseName } from '../../space/spec/validate.ts'
import { takeLock } from '../../space/state/lock.ts'
import { bootOptions, bootReport, checkBootOptions } from '../boot-options.ts'
import { defineCommand, type Input } from '../command.ts'
import { openContext } from '../context.ts'
import { lockOptions } from '../environment.ts'
import { endOnSignals, heedSignals } from '../interrupt.ts'
import { type Options, usageError } from '../options.ts'
import { requirePrivilege } from '../privilege.ts'

const disableOptions = {
  now: { kind: 'flag', help: 'take the spaces down now, too' },
  ...bootOptions,
} as const satisfies Options

const run = async ({
  options,
  positionals,
  output,
  environment,
}: Input<typeof disableOptions>): Promise<number> => {
  const root = checkBootOptions(options)
  if (positionals.length === 0)
    throw usageError('MISSING_ARGUMENT', 'Cannot run natspace disable', 'a name is missing', [
      'natspace disable NAME...',
    ])
  const names = positionals.map(name => parseName(name, optionSite(['name'])))
  if (root === '/') requirePrivilege('disable')
  const context = openContext(environment)
  using _kernel = context.kernel
  endOnSignals()
  const tree = new SettingsTree(root)
  const isLive = root === '/' && isBooted()
  // The unit must still be there when systemd is to stop it.
  if (options.now && isLive) systemctl('stop', ...unitsToStop(tree, names))
  const spaces = (await Promise.all(names.map(name => spacesOf(tree, name)))).flat()
  const changes = await changesOf(names, tree, async () =>
    root === '/'
      ? await takeLock(context.kernel, context.paths, lockOptions(environment).lockPatience)
      : undefined,
  )
  if (isLive && changes.length > 0) systemctl('daemon-reload')
  if (options.now && !isLive) await down(context, spaces, lockOptions(environment))
  bootReport(output, {
    command: 'disable',
    title:
      changes.length === 0
        ? `${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} not enabled; nothing to do`
        : `${names.join(', ')} will not come up at boot any more`,
    data: { names },
    changes,
    next: root === '/' && !isLive && changes.length > 0 ? ['systemctl daemon-reload'] : [],
    findings: [],
  })
  await heedSignals()
  return 0
}

/** With the last instance whoever watches ends too, and first: it is not to repair what is taken down. */
const unitsToStop = (tree: SettingsTree, names: readonly string[]): string[] => {
  const isLast = enabledNames(tree).every(name => names.includes(name))
  return [
    ...(isLast && isWatchEnabled(tree) ? [unitNames.watch] : []),
    ...names.map(name => instanceOf(unitNames.spaces, name)),
  ]
}

/** The spaces of an instance: those of its file, or that of its name. */
const spacesOf = async (tree: SettingsTree, name: string): Promise<string[]> => {
  const path = specFileOf(name)
  const file = tree.look(path)
  return file.type === 'file'
    ? (await parseSpecFile(file.text, tree.at(path))).map(spec => spec.name)
    : [name]
}

const changesOf = async (
  names: readonly string[],
  tree: SettingsTree,
  lock: () => Promise<Disposable | undefined>,
): Promise<TreeChange[]> => {
  using _lock = await lock()
  for (const name of names) disable(tree, name)
  return [...tree.changes]
}

export const disableCommand = defineCommand({
  name: 'disable',
  summary: 'take back what enable did',
  usage: ['NAME... [OPTION]...'],
  about: [
    'Removes the links, and the file below /etc/natspace if natspace enable wrote it; with the last name the units go too, and the folders that were made for them. NAME is that of the unit: of a space, or of a file that was given with -f. The spaces themselves stay up, unless with --now.',
    'A name that is not enabled is no error.',
  ],
  options: disableOptions,
  completes: 'space',
  examples: [
    { command: 'natspace disable web', does: 'web comes up at boot no more' },
    { command: 'natspace disable web --now', does: 'and is taken down' },
  ],
  run,
})
