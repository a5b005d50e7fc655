import { type CommandFacts, generalFacts, type OptionFacts } from './facts.ts'

/** What does not depend on the commands. Names are never expanded, as a link may be called $(reboot). */
const helpers = `# Completion of natspace for bash: source <(natspace completion bash)

# Names in the state folder; whoever may not read it gets those of /run/netns.
_natspace_spaces() {
    local folder="\${NATSPACE_STATE:-/run/natspace}/spaces" file
    if [ -d "$folder" ] && [ -r "$folder" ]; then
        for file in "$folder"/*.json; do
            [ -e "$file" ] || continue
            file=\${file##*/}
            printf '%s\\n' "\${file%.json}"
        done
    else _natspace_files /run/netns; fi
}

# Names in a folder.
_natspace_files() {
    local file
    for file in "$1"/*; do
        [ -e "$file" ] && printf '%s\\n' "\${file##*/}"
    done
}

# Offers those of the lines on stdin that begin with the current word.
_natspace_offer() {
    local word
    while IFS= read -r word; do
        if [[ $word == "$cur"* ]]; then COMPREPLY+=("$(printf '%q' "$word")"); fi
    done
}
`

/** The completion for bash(1), as a script to be sourced. */
export const bashScript = (commands: readonly CommandFacts[]): string[] => [
  ...helpers.split('\n'),
  '_natspace() {',
  `    local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command= place=0 i`,
  '    COMPREPLY=()',
  '    # bash parts --as=text into three words.',
  '    if [ "$cur" = "=" ]; then cur=',
  `    elif [ "$prev" = "=" ]; then prev=\${COMP_WORDS[COMP_CWORD-2]}; fi`,
  '    for ((i = 1; i < COMP_CWORD; i++)); do',
  `        case "$command \${COMP_WORDS[i]}" in`,
  `            ${valuePatterns(commands)}) [ "\${COMP_WORDS[i+1]}" = "=" ] && ((i++)); ((i++)) ;;`,
  '            *" -"?*) ;;',
  `            *) if [ -z "$command" ]; then command=\${COMP_WORDS[i]}; else ((place++)); fi ;;`,
  '        esac',
  '    done',
  '    case "$command $prev" in',
  ...commands.flatMap(({ name, options }) => options.flatMap(option => valueCase(name, option))),
  ...generalFacts().flatMap(option => valueCase('', option)),
  '    esac',
  '    case "$command" in',
  `        '') ${offer([...commands.map(({ name }) => name), 'help', ...generalFacts().map(({ long }) => long)])} ;;`,
  ...commands.map(commandCase),
  `        help) ${offer(commands.map(({ name }) => name))} ;;`,
  '    esac',
  '}',
  '',
  'complete -F _natspace natspace',
]

const offer = (words: readonly string[]): string => `_natspace_offer < <(printf '%s\\n' ${words.join(' ')})`

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
  if (value === 'file')
    return 'compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur")'
  if (value === 'link') return '_natspace_offer < <(_natspace_files /sys/class/net)'
  return offer(value)
}

const commandCase = ({ name, options, completes, stopAfter }: CommandFacts): string => {
  const choice = `if [[ $cur == -* ]]; then ${offer(options.map(({ long }) => long))}; else ${positionals(completes)}; fi`
  return stopAfter === undefined
    ? `        ${name}) ${choice} ;;`
    : `        ${name}) if ((place >= ${stopAfter})); then mapfile -t COMPREPLY < <(compgen -c -- "$cur"); else ${choice}; fi ;;`
}

const positionals = (completes: CommandFacts['completes']): string => {
  if (completes === 'none') return ':'
  if (completes === 'space') return '_natspace_offer < <(_natspace_spaces)'
  if (completes === 'namespace') return '_natspace_offer < <(_natspace_files /run/netns)'
  return offer(completes)
}
