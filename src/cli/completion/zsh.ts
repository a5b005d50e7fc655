import { type CommandFacts, generalFacts, type OptionFacts } from './facts.ts'

/** The completion for zsh(1): a file named _natspace in $fpath, or a script to be sourced. */
export const zshScript = (commands: readonly CommandFacts[]): string[] => [
  '#compdef natspace',
  '# Completion of natspace for zsh: put this as _natspace into a folder of $fpath, or',
  '# source <(natspace completion zsh)',
  '',
  '_natspace_spaces() {',
  `    local folder=\${NATSPACE_STATE:-/run/natspace}/spaces`,
  '    local -a names',
  '    if [[ -r $folder ]]; then names=($folder/*.json(N:t:r)); else names=(/run/netns/*(N:t)); fi',
  '    compadd -a names',
  '}',
  '',
  '_natspace_namespaces() {',
  '    local -a names',
  '    names=(/run/netns/*(N:t))',
  '    compadd -a names',
  '}',
  '',
  '_natspace_links() {',
  '    local -a names',
  '    names=(/sys/class/net/*(N:t))',
  '    compadd -a names',
  '}',
  '',
  '_natspace() {',
  '    local -a commands',
  '    commands=(',
  ...[...commands, { name: 'help', summary: 'show the help of a command' }].map(
    ({ name, summary }) => `        '${escaped(name)}:${escaped(summary)}'`,
  ),
  '    )',
  '    local curcontext=$curcontext state line',
  '    typeset -A opt_args',
  `    _arguments -C ${generalFacts().flatMap(optionSpecs).join(' ')} '1:command:->command' '*::argument:->argument'`,
  '    case $state in',
  "        command) _describe 'command' commands ;;",
  '        argument)',
  '            case $words[1] in',
  ...commands.map(commandCase),
  `                help) _arguments '1:command:(${commands.map(({ name }) => name).join(' ')})' ;;`,
  '            esac ;;',
  '    esac',
  '}',
  '',
  'if [[ $funcstack[1] == _natspace ]]; then _natspace "$@"; else compdef _natspace natspace; fi',
]

/** In single quotes, inside _arguments: brackets and colons part its fields. */
const escaped = (text: string): string =>
  text.replaceAll("'", '’').replace(/[[\]:\\]/g, character => `\\${character}`)

const optionSpecs = ({ long, short, takesValue, value, help }: OptionFacts): string[] => {
  const names = short === undefined ? [long] : [short, long]
  const action = takesValue ? `:value:${valueAction(value)}` : ''
  return names.map(name => `'*${name}${takesValue && name === long ? '=' : ''}[${escaped(help)}]${action}'`)
}

const valueAction = (value: OptionFacts['value']): string => {
  if (value === 'none') return ' '
  if (value === 'file') return '_files'
  if (value === 'link') return '_natspace_links'
  return `(${value.join(' ')})`
}

const commandCase = ({ name, options, completes, stopAfter }: CommandFacts): string => {
  const positionals =
    stopAfter === undefined
      ? [`'*:argument:${positionalAction(completes)}'`]
      : [`'1:name:${positionalAction(completes)}'`, "'2:program:_command_names -e'", "'*::argument:_normal'"]
  return `                ${name}) _arguments ${[...options.flatMap(optionSpecs), ...positionals].join(' ')} ;;`
}

const positionalAction = (completes: CommandFacts['completes']): string => {
  if (completes === 'none') return ' '
  if (completes === 'space') return '_natspace_spaces'
  if (completes === 'namespace') return '_natspace_namespaces'
  return `(${completes.join(' ')})`
}
