import { quote } from '../../space/spec/quote.ts'
import { suggest } from '../../space/spec/suggest.ts'
import { defineCommand, type Input } from '../command.ts'
import { bashScript } from '../completion/bash.ts'
import { type CommandFacts, commandFacts } from '../completion/facts.ts'
import { fishScript } from '../completion/fish.ts'
import { zshScript } from '../completion/zsh.ts'
import { type Options, usageError } from '../options.ts'
import { loadCommands } from '../registry.ts'

const options = {} as const satisfies Options

const scripts: Readonly<Record<string, (commands: readonly CommandFacts[]) => string[]>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
}
const shells = Object.keys(scripts)

const run = async ({ positionals, output }: Input<typeof options>): Promise<number> => {
  const [shell, extra] = positionals
  const script = shell !== undefined && Object.hasOwn(scripts, shell) ? scripts[shell] : undefined
  if (script === undefined || extra !== undefined) throw badShell(extra ?? shell)
  const lines = script((await loadCommands()).map(commandFacts))
  if (output.json) output.object('completion', { shell, script: `${lines.join('\n')}\n` })
  else output.lines(lines)
  return 0
}

const badShell = (given: string | undefined): Error => {
  if (given === undefined)
    return usageError('MISSING_ARGUMENT', 'Cannot print a completion', 'the name of the shell is missing', [
      `natspace completion ${shells.join('|')}`,
    ])
  const near = suggest(given, shells)
  return usageError(
    'UNEXPECTED_ARGUMENT',
    `Cannot print a completion for ${quote(given)}`,
    near === undefined ? 'there is none for it' : `there is none for it; did you mean ${near}?`,
    [`natspace completion ${shells.join('|')}`],
  )
}

export const completionCommand = defineCommand({
  name: 'completion',
  summary: 'print the completion for a shell',
  usage: ['bash|zsh|fish'],
  about: ['Completes commands, options, their values, and the names of spaces.'],
  options,
  completes: shells,
  examples: [
    { command: 'source <(natspace completion bash)', does: 'in ~/.bashrc' },
    { command: 'natspace completion zsh > ~/.zfunc/_natspace', does: 'in a folder of $fpath' },
    {
      command: 'natspace completion fish > ~/.config/fish/completions/natspace.fish',
      does: 'for every fish',
    },
  ],
  run,
})
