import { type CommandFacts, generalFacts, type OptionFacts, quoted } from './facts.ts'

/** The completion for fish(1), as a script to be sourced. */
export const fishScript = (commands: readonly CommandFacts[]): string[] => [
  '# Completion of natspace for fish: natspace completion fish | source',
  '',
  'function __natspace_spaces',
  '    set -l folder /run/natspace/spaces',
  '    set -q NATSPACE_STATE; and set folder $NATSPACE_STATE/spaces',
  '    if test -r $folder',
  '        for file in $folder/*.json',
  "            string replace -r '^.*/(.*)\\.json$' '$1' -- $file",
  '        end',
  '    else',
  '        __natspace_namespaces',
  '    end',
  'end',
  '',
  'function __natspace_namespaces',
  '    for file in /run/netns/*',
  "        string replace -r '^.*/' '' -- $file",
  '    end',
  'end',
  '',
  'complete -c natspace -f',
  ...generalFacts().map(option => optionLine('__fish_use_subcommand', option)),
  ...[...commands, { name: 'help', summary: 'show the help of a command' }].map(
    ({ name, summary }) => `complete -c natspace -n __fish_use_subcommand -a ${name} -d ${quoted(summary)}`,
  ),
  `complete -c natspace -n '__fish_seen_subcommand_from help' -a ${quoted(commands.map(({ name }) => name).join(' '))}`,
  ...commands.flatMap(commandLines),
]

const optionLine = (condition: string, { long, short, takesValue, value, help }: OptionFacts): string =>
  [
    `complete -c natspace -n ${condition.includes(' ') ? quoted(condition) : condition}`,
    ...(short === undefined ? [] : [`-s ${short.slice(1)}`]),
    `-l ${long.slice(2)}`,
    ...(takesValue ? [valueWords(value)] : []),
    `-d ${quoted(help)}`,
  ].join(' ')

const valueWords = (value: OptionFacts['value']): string => {
  if (value === 'none') return '-x'
  if (value === 'file') return '-r -F'
  if (value === 'link') return "-x -a '(command ls /sys/class/net)'"
  return `-x -a ${quoted(value.join(' '))}`
}

const commandLines = ({ name, options, completes, stopAfter }: CommandFacts): string[] => {
  const condition = `__fish_seen_subcommand_from ${name}`
  const positional = positionalWords(completes)
  return [
    ...options.map(option => optionLine(condition, option)),
    ...(positional === undefined
      ? []
      : [`complete -c natspace -n ${quoted(condition)} -a ${quoted(positional)}`]),
    ...(stopAfter === undefined
      ? []
      : [
          `complete -c natspace -n ${quoted(`${condition}; and test (count (commandline -opc)) -gt ${stopAfter + 1}`)} -a '(__fish_complete_subcommand --fcs-skip=${stopAfter + 2})'`,
        ]),
  ]
}

const positionalWords = (completes: CommandFacts['completes']): string | undefined => {
  if (completes === 'none') return undefined
  if (completes === 'space') return '(__natspace_spaces)'
  if (completes === 'namespace') return '(__natspace_namespaces)'
  return completes.join(' ')
}
