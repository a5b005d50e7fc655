import { readFileSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, extname, resolve } from 'node:path'
import { ownCommand } from '../../lab/start.ts'
import { enable, isMarked, specFileOf } from '../../space/boot/enable.ts'
import { keptSpec, recordedSpaces } from '../../space/boot/kept-spec.ts'
import { isBooted, systemctl } from '../../space/boot/systemd.ts'
import { SettingsTree } from '../../space/boot/tree.ts'
import { fileMark, instanceOf, unitNames } from '../../space/boot/units.ts'
import { specFileLines } from '../../space/export/spec-file.ts'
import { up } from '../../space/reconcile/up.ts'
import { optionSite } from '../../space/spec/fault.ts'
import { parseSpecFile } from '../../space/spec/file.ts'
import { quote } from '../../space/spec/quote.ts'
import type { SpaceSpec } from '../../space/spec/types.ts'
import { parseName } from '../../space/spec/validate.ts'
import { takeLock } from '../../space/state/lock.ts'
import { bootOptions, bootReport, checkBootOptions } from '../boot-options.ts'
import { defineCommand, type Input } from '../command.ts'
import { openContext } from '../context.ts'
import { lockOptions } from '../environment.ts'
import { endOnSignals, heedSignals } from '../interrupt.ts'
import { type Options, usageError } from '../options.ts'
import type { Finding } from '../output.ts'
import { requirePrivilege } from '../privilege.ts'

const options = {
  file: {
    kind: 'value',
    short: 'f',
    placeholder: 'FILE',
    completes: 'file',
    help: 'the spaces of a YAML or JSON file; - is stdin',
  },
  name: {
    kind: 'value',
    placeholder: 'NAME',
    help: 'with -f: name of the unit (default: that of the file without .yaml)',
  },
  now: { kind: 'flag', help: 'bring the spaces up now, too' },
  watch: { kind: 'flag', help: 'run natspace watch at boot as well, which repairs what others take away' },
  ...bootOptions,
} as const satisfies Options

type EnableInput = Input<typeof options>

/** What is to be enabled; without a text the file is in its place already. */
type Source = { name: string; specs: SpaceSpec[]; text: string | undefined }

const run = async (input: EnableInput): Promise<number> => {
  const { options, output, environment } = input
  const root = checkBootOptions(options)
  if (root === '/') requirePrivilege('enable')
  const tree = new SettingsTree(root)
  const source = await sourceOf(input, tree)
  const context = openContext(environment)
  using _kernel = context.kernel
  endOnSignals()
  const command = ownCommand(realpathSync(process.execPath), process.argv[1])
  const request = { name: source.name, specText: source.text, command, watch: options.watch === true }
  const isLive = root === '/' && isBooted()
  const work = () => {
    const result = enable(tree, request)
    if (isLive && result.changes.length > 0) reload(tree)
    return result
  }
  const { changes } = root === '/' ? await locked(context, environment, work) : work()
  const unit = instanceOf(unitNames.spaces, source.name)
  const units = [unit, ...(options.watch ? [unitNames.watch] : [])]
  if (options.now) {
    if (isLive) for (const item of units) systemctl('start', item)
    else await up(context, source.specs, lockOptions(environment))
  }
  const next = isLive
    ? options.now
      ? []
      : [`systemctl start ${units.join(' ')}`]
    : root === '/'
      ? ['systemctl daemon-reload', ...(options.now ? [] : [`systemctl start ${units.join(' ')}`])]
      : []
  bootReport(output, {
    command: 'enable',
    title: `${source.name} is ${changes.length === 0 ? 'already ' : ''}enabled: ${spacesText(source.specs)} ${source.specs.length === 1 ? 'comes' : 'come'} up at boot`,
    data: { name: source.name, unit, file: tree.at(specFileOf(source.name)), spaces: names(source.specs) },
    changes,
    next,
    findings: [...peerFindings(source.specs), ...commandFindings(command[0] as string)],
  })
  await heedSignals()
  return 0
}

/** systemd must know of units that were written, or they must not stay. */
const reload = (tree: SettingsTree): void => {
  try {
    systemctl('daemon-reload')
  } catch (error) {
    tree.rollBack()
    throw error
  }
}

const locked = async <T>(
  context: ReturnType<typeof openContext>,
  environment: EnableInput['environment'],
  work: () => T,
): Promise<T> => {
  using _lock = await takeLock(context.kernel, context.paths, lockOptions(environment).lockPatience)
  return work()
}

const names = (specs: readonly SpaceSpec[]): string[] => specs.map(spec => spec.name)

const spacesText = (specs: readonly SpaceSpec[]): string =>
  specs.length <= 5 ? names(specs).join(', ') : `${specs.length} spaces`

const sourceOf = async (input: EnableInput, tree: SettingsTree): Promise<Source> => {
  const { options, positionals } = input
  const [name, extra] = positionals
  if (options.file === undefined && name === undefined)
    throw usageError('MISSING_ARGUMENT', 'Cannot run natspace enable', 'the name of the space is missing', [
      'natspace enable NAME, or natspace enable -f FILE',
    ])
  if (options.file !== undefined) {
    if (name !== undefined)
      throw usageError(
        'UNEXPECTED_ARGUMENT',
        `Cannot use the argument ${quote(name)}`,
        'all spaces of the file are meant',
        ['leave it out'],
      )
    return sourceOfFile(options.file, options.name, tree)
  }
  if (extra !== undefined)
    throw usageError(
      'UNEXPECTED_ARGUMENT',
      `Cannot use the argument ${quote(extra)}`,
      'natspace enable takes one name',
      [
        `write several spaces into a file: natspace export ${positionals.join(' ')} --as yaml > FILE; natspace enable -f FILE`,
      ],
    )
  if (options.name !== undefined)
    throw usageError(
      'CONFLICTING_OPTIONS',
      'Cannot use --name',
      'it goes with -f; the unit of one space has its name',
      ['leave it out'],
    )
  const space = parseName(name as string, optionSite(['name']))
  const context = openContext(input.environment)
  using _kernel = context.kernel
  const specs = recordedSpaces(context, [space]).map(keptSpec)
  return { name: space, specs, text: `${[fileMark, ...specFileLines(specs)].join('\n')}\n` }
}

const sourceOfFile = async (file: string, asked: string | undefined, tree: SettingsTree): Promise<Source> => {
  const name = parseName(asked ?? basename(file, extname(file)), optionSite(['name']))
  let text: string
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    throw usageError('NO_FILE', `Cannot read ${quote(file)}`, (error as Error).message, [
      'name a file that is there, or - for stdin',
    ])
  }
  const specs = await parseSpecFile(text, file === '-' ? 'stdin' : file)
  const isInPlace = file !== '-' && resolve(file) === tree.at(specFileOf(name))
  if (isInPlace) return { name, specs, text: undefined }
  return { name, specs, text: isMarked(text) ? text : `${fileMark}\n${text}` }
}

/** Spaces that are not in the same file may come up later, or never. */
const peerFindings = (specs: readonly SpaceSpec[]): Finding[] => {
  const own = new Set(names(specs))
  return specs.flatMap(({ name, connect }) =>
    connect
      .filter(peer => !own.has(peer))
      .map(
        (peer): Finding => ({
          code: 'NO_SUCH_PEER',
          severity: 'warning',
          title: `${name} is connected to ${peer}, which is not in the same file`,
          evidence: [],
          why: 'at boot it cannot come up before the other one, and nothing says which comes first',
          fix: {
            commands: [
              `natspace export ${name} ${peer} --as yaml > spaces.yaml`,
              'natspace enable -f spaces.yaml',
            ],
            undo: [`natspace disable ${name}`],
          },
          hides: [],
        }),
      ),
  )
}

/** Whoever can replace the program that root starts at boot is root. */
const commandFindings = (program: string): Finding[] => {
  for (let place = program; ; place = dirname(place)) {
    const { uid, mode } = statSync(place)
    const isSticky = (mode & 0o1000) !== 0
    if (uid !== 0 || ((mode & 0o022) !== 0 && !isSticky))
      return [
        {
          code: 'PROGRAM_UNSAFE',
          severity: 'warning',
          title: `others than root can replace ${program}`,
          evidence: [`${place}: user ${uid}, mode ${(mode & 0o7777).toString(8)}`],
          why: 'root runs it at boot, so whoever can write there can become root',
          fix: { commands: [`install -m 755 ${program} /usr/local/bin/natspace`], undo: [] },
          hides: [],
        },
      ]
    if (place === dirname(place)) return []
  }
}

export const enableCommand = defineCommand({
  name: 'enable',
  summary: 'bring spaces up at every boot, by systemd',
  usage: ['NAME [OPTION]...', '-f FILE [OPTION]...'],
  about: [
    'Writes /etc/natspace/NAME.yaml and the units natspace@.service and natspace-rules@.service of systemd, links them into the boot as systemctl enable does, and prints all that it did. NAME is a space that is up: it keeps its addresses and names. With -f the file is copied as it is; one that stands in /etc/natspace already is used in its place.',
    'natspace@NAME.service is started after the network, nftables and firewalld. When one of the two starts again or reloads, natspace-rules@NAME.service brings back the rules it took along, without touching what is there.',
    'A file of somebody else is never replaced. natspace disable takes everything away again. Without a running systemd, or with --root, the files are written all the same.',
  ],
  options,
  completes: 'space',
  examples: [
    { command: 'natspace enable web', does: 'the space web, as it is now' },
    { command: 'natspace enable -f spaces.yaml --now', does: 'all spaces of a file, and start them' },
    { command: 'natspace enable web --watch', does: 'and repair it whenever something is taken away' },
  ],
  run,
})
