/**
 * The manual pages of the command, made of the same tables as its help: natspace(1), and one for each command. They are
 * written in the man(7) macros of roff, in which a line that begins with a dot or an apostrophe is a request, a backslash
 * begins an escape, a bare `-` may become a hyphen that nobody can paste into a shell, and only ASCII is safe.
 */

import { type Command, generalOptions } from './command.ts'
import { overview } from './help.ts'
import { type Option, type Options, optionName } from './options.ts'
import { loadCommands } from './registry.ts'
import { styleOf } from './style.ts'

/** The file of a page below man1, and its text. */
export type ManualPage = { file: string; text: string }

/** Text as roff prints it unchanged. Pure. */
export const roff = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replaceAll('`', '\\(ga')
    .replace(
      /[^\0-\x7e]/gu,
      character => `\\[u${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`,
    )
    .replace(/^(?=[.'])/gm, '\\&')

/** All pages. `date` stands at their foot, as YYYY-MM-DD. */
export const manualPages = async (version: string, date: string): Promise<ManualPage[]> => {
  const commands = await loadCommands()
  const head = (name: string) => `.TH ${name.toUpperCase()} 1 ${date} "natspace ${version}" "User Commands"`
  const pages = await Promise.all(
    commands.map(async command => ({
      file: `natspace-${command.name}.1`,
      text: [head(`natspace-${command.name}`), ...(await commandPage(command)), ''].join('\n'),
    })),
  )
  return [
    { file: 'natspace.1', text: [head('natspace'), ...(await mainPage(commands)), ''].join('\n') },
    ...pages,
  ]
}

const section = (title: string, lines: readonly string[]): string[] => [`.SH ${title}`, ...lines]

const verbatim = (lines: readonly string[]): string[] => ['.nf', ...lines.map(roff), '.fi']

const mainPage = async (commands: readonly Command[]): Promise<string[]> => {
  const lines = await overview(styleOf(false))
  const under = (title: string): string[] => {
    const from = lines.indexOf(`${title}:`) + 1
    const to = lines.indexOf('', from)
    return lines.slice(from, to < 0 ? undefined : to).map(line => line.trim())
  }
  return [
    ...section('NAME', [roff('natspace - connect Linux network namespaces to the outside through NAT')]),
    ...section('SYNOPSIS', ['.B natspace', '.I COMMAND', roff('[OPTION]... [ARGUMENT]...')]),
    ...section(
      'COMMANDS',
      commands.flatMap(({ name, summary }) => entry(name, summary)),
    ),
    ...section(
      'OPTIONS',
      optionEntries({ ...generalOptions, version: { kind: 'flag', help: 'print the version' } }),
    ),
    ...section('EXIT STATUS', under('Exit status').flatMap(twoColumns)),
    ...section('ENVIRONMENT', under('Environment').flatMap(twoColumns)),
    ...section('SEE ALSO', [
      commands.map(({ name }) => `.BR natspace\\-${name} (1)`).join(' ,\n'),
      '.BR ip\\-netns (8) ,',
      '.BR nft (8)',
    ]),
  ]
}

const twoColumns = (line: string): string[] => {
  const [, left = line, right = ''] = /^(\S+)\s+(.*)$/.exec(line) ?? []
  return entry(left, right)
}

const entry = (left: string, text: string): string[] => ['.TP', `.B ${roff(left)}`, roff(text)]

const commandPage = async (command: Command): Promise<string[]> => {
  const name = section('NAME', [roff(`natspace-${command.name} - ${command.summary}`)])
  const seeAlso = section('SEE ALSO', ['.BR natspace (1)'])
  // A command that has a help of its own says there what it has to say.
  if (command.help !== undefined)
    return [...name, ...section('DESCRIPTION', verbatim(await command.help())), ...seeAlso]
  return [
    ...name,
    ...section(
      'SYNOPSIS',
      command.usage.flatMap((form, index) => [
        ...(index === 0 ? [] : ['.br']),
        `.B natspace ${roff(command.name)}`,
        roff(form),
      ]),
    ),
    ...(command.about.length === 0
      ? []
      : section(
          'DESCRIPTION',
          command.about.flatMap((paragraph, index) =>
            index === 0 ? [roff(paragraph)] : ['.PP', roff(paragraph)],
          ),
        )),
    ...(Object.keys(command.options).length === 0 ? [] : section('OPTIONS', optionEntries(command.options))),
    ...section('OPTIONS OF EVERY COMMAND', optionEntries(generalOptions)),
    ...section(
      'EXAMPLES',
      command.examples.flatMap(({ command: line, does }) => ['.TP', roff(does), `.B ${roff(line)}`]),
    ),
    ...seeAlso,
  ]
}

const optionEntries = (options: Options): string[] =>
  Object.entries(options)
    .filter(([, { hidden }]) => !hidden)
    .flatMap(([key, option]) => entry(spelling(key, option), helpOf(option)))

const spelling = (key: string, { short, kind, placeholder }: Option): string =>
  `${short === undefined ? '' : `-${short}, `}${optionName(key)}${kind === 'flag' ? '' : ` ${placeholder ?? 'VALUE'}`}`

const helpOf = ({ help, kind }: Option): string => (kind === 'list' ? `${help} (may be given again)` : help)
