import { type Command, generalOptions } from './command.ts'
import { type Option, type Options, optionName } from './options.ts'
import { loadCommands } from './registry.ts'
import type { Style } from './style.ts'
import { wrap } from './wrap.ts'

const width = 100

/** The commands, for `natspace --help`. */
export const overview = async (style: Style): Promise<string[]> => {
  const commands = await loadCommands()
  const column = Math.max(...commands.map(command => command.name.length)) + 2
  return [
    'natspace connects Linux network namespaces ("spaces") to the outside through NAT.',
    '',
    heading('Usage', style),
    '  natspace COMMAND [OPTION]... [ARGUMENT]...',
    '',
    heading('Commands', style),
    ...commands.map(({ name, summary }) => `  ${style.cyan(name.padEnd(column))}${summary}`),
    '',
    heading('Options of every command', style),
    ...optionLines({ ...generalOptions, version: { kind: 'flag', help: 'print the version' } }, style),
    '',
    heading('Exit status', style),
    ...[
      '0  done, or nothing to do',
      '1  failed, and undone',
      '2  used wrongly; nothing was tried',
      '3  status, doctor or trace found something',
      '4  privilege is missing',
      '5  another natspace was at work for too long',
      '6  the kernel lacks a feature',
      '130  stopped by Ctrl-C, and nothing is half done (129: SIGHUP, 143: SIGTERM)',
    ].map(line => `  ${line}`),
    '',
    heading('Environment', style),
    '  NATSPACE_STATE         folder of the state (default: /run/natspace)',
    '  NATSPACE_LOCK_TIMEOUT  seconds to wait for another natspace (default: 10)',
    '  NATSPACE_TIMELINE      1: tell on stderr, at the end, where the time went',
    '  NO_COLOR               no colours',
    '',
    `natspace help COMMAND tells more of a command, natspace explain of how it all works.`,
  ]
}

/** The help of one command. */
export const commandHelp = async (command: Command, style: Style): Promise<string[]> =>
  command.help === undefined ? ownHelp(command, style) : command.help()

const ownHelp = (command: Command, style: Style): string[] => [
  `natspace ${command.name}: ${command.summary}`,
  '',
  heading('Usage', style),
  ...command.usage.map(form => `  natspace ${command.name} ${form}`.trimEnd()),
  '',
  ...command.about.flatMap(paragraph => [...wrap(paragraph, width), '']),
  ...(Object.keys(command.options).length === 0
    ? []
    : [heading('Options', style), ...optionLines(command.options, style), '']),
  heading('Options of every command', style),
  ...optionLines(generalOptions, style),
  '',
  heading('Examples', style),
  ...command.examples.flatMap(({ command: line, does }) => [
    `  ${style.dim(`# ${does}`)}`,
    ...wrapCommand(line),
  ]),
]

const heading = (text: string, style: Style): string => style.bold(`${text}:`)

const optionLines = (options: Options, style: Style): string[] => {
  const rows = Object.entries(options)
    .filter(([, { hidden }]) => !hidden)
    .map(([key, option]) => ({ left: spelling(key, option), option }))
  const column = Math.max(...rows.map(({ left }) => left.length)) + 2
  return rows.flatMap(({ left, option }) => {
    const [first, ...more] = wrap(helpOf(option), width - column - 2)
    return [
      `  ${style.cyan(left.padEnd(column))}${first ?? ''}`,
      ...more.map(line => ' '.repeat(column + 2) + line),
    ]
  })
}

const helpOf = ({ help, kind }: Option): string => (kind === 'list' ? `${help} (may be given again)` : help)

/** `-p, --publish SPEC` */
const spelling = (key: string, { short, kind, placeholder }: Option): string =>
  `${short === undefined ? '    ' : `-${short}, `}${optionName(key)}${kind === 'flag' ? '' : ` ${placeholder ?? 'VALUE'}`}`

/** A long example goes on in the next line as a shell reads it. */
const wrapCommand = (line: string): string[] =>
  wrap(line, width - 10).map(
    (part, index, all) => `${index === 0 ? '  ' : '      '}${part}${index < all.length - 1 ? ' \\' : ''}`,
  )
