import { type CommandFacts, generalFacts, type OptionFacts, quoted } from './facts.ts'

/** The completion for bash(1), as a script to be sourced. */
export const bashScript = (commands: readonly CommandFacts[]): string[] => [
  '# Completion of natspace for bash: source <(natspace completion bash)',
  '',
  '# Names in the state folder; whoever may not read it gets those of /run/netns.',
  '_natspace_spaces() {',
  '    local folder="${NATSPACE_STATE:-/run/natspace}/spaces" file',
  '    if [ -d "$folder" ] && [ -r "$folder" ]; then',
  '        for file in "$folder"/*.json; do',
  '            [ -e "$file" ] || continue',
  '            file=${file##*/}',
  '            printf \'%s\\n\' "${file%.json}"',
  '        done',
  '    else _natspace_namespaces; fi',
  '}',
  '',
  '_natspace_namespaces() {',
  '    local file',
  '    for file in /run/netns/*; do',
  '        [ -e "$file" ] && printf \'%s\\n\' "${file##*/}"',
  '    done',
  '}',
  '',
  '_natspace() {',
  '    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command= words= place=0 i',
  '    COMPREPLY=()',
  '    # bash parts --as=text into three words.',
  '    if [ "$cur" = "=" ]; then cur=',
  '    elif [ "$prev" = "=" ]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi',
  '    for ((i = 1; i < COMP_CWORD; i++)); do',
  '        case "$command ${COMP_WORDS[i]}" in',
  `            ${valuePatterns(commands)}) [ "\${COMP_WORDS[i+1]}" = "=" ] && ((i++)); ((i++)) ;;`,
  '            *" -"?*) ;;',
  '            *) if [ -z "$command" ]; then command=${COMP_WORDS[i]}; else ((place++)); fi ;;',
  '        esac',
  '    done',
  '    case "$command $prev" in',
  ...commands.flatMap(({ name, options }) => options.flatMap(option => valueCase(name, option))),
  ...generalFacts().flatMap(option => valueCase('', option)),
  '    esac',
  '    if [ -z "$command" ]; then',
  `        words=${quoted([...commands.map(({ name }) => name), 'help', ...generalFacts().map(({ long }) => long)].join(' '))}`,
  '    else',
  '        case "$command" in',
  ...commands.map(commandCase),
  `            help) words=${quoted(commands.map(({ name }) => name).join(' '))} ;;`,
  '        esac',
  '    fi',
  '    COMPREPLY=($(compgen -W "$words" -- "$cur"))',
  '}',
  '',
  'complete -F _natspace natspace',
]

const spellings = ({ long, short }: OptionFacts): string[] => (short === undefined ? [long] : [long, short])

/** Options whose value is the next word, so that it is not taken for a positional. */
const valuePatterns = (commands: readonly CommandFacts[]): string =>
  [
    ...commands.flatMap(({ name, options }) =>
      options
        .filter(({ takesValue }) => takesValue)
        .flatMap(option => spellings(option).map(text => `"${name} ${text}"`)),
    ),
    ...generalFacts()
      .filter(({ takesValue }) => takesValue)
      .flatMap(option => spellings(option).map(text => `" ${text}"`)),
  ].join(' | ')

const valueCase = (command: string, option: OptionFacts): string[] => {
  if (!option.takesValue) return []
  const pattern = spellings(option).map(text => `"${command} ${text}"`)
  return [`        ${pattern.join(' | ')}) ${valueWords(option.value)}; return ;;`]
}

const valueWords = (value: OptionFacts['value']): string => {
  if (value === 'none') return ':'
  if (value === 'file') return 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur"))'
  if (value === 'link') return 'COMPREPLY=($(compgen -W "$(ls /sys/class/net 2>/dev/null)" -- "$cur"))'
  return `COMPREPLY=($(compgen -W ${quoted(value.join(' '))} -- "$cur"))`
}

const commandCase = ({ name, options, completes, stopAfter }: CommandFacts): string => {
  const flags = `words=${quoted(options.map(({ long }) => long).join(' '))}`
  const positionals = positionalWords(completes)
  const offer = `if [[ $cur == -* ]]; then ${flags}; else words=${positionals}; fi`
  const before =
    stopAfter === undefined
      ? ''
      : `if ((place >= ${stopAfter})); then COMPREPLY=($(compgen -c -- "$cur")); return; fi; `
  return `            ${name}) ${before}${offer} ;;`
}

const positionalWords = (completes: CommandFacts['completes']): string => {
  if (completes === 'none') return "''"
  if (completes === 'space') return '$(_natspace_spaces)'
  if (completes === 'namespace') return '$(_natspace_namespaces)'
  return quoted(completes.join(' '))
}
