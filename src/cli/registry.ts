import { quote } from '../space/spec/quote.ts'
import { suggest } from '../space/spec/suggest.ts'
import type { Command } from './command.ts'
import { downCommand } from './commands/down.ts'
import { lsCommand } from './commands/ls.ts'
import { statusCommand } from './commands/status.ts'
import { upCommand } from './commands/up.ts'
import { usageError } from './options.ts'

/**
 * All commands, in the order of the help. Those that make, show and remove spaces are there at the start; the others
 * are loaded when they are called, as the start must not pay for their texts.
 */
const loaders: Readonly<Record<string, () => Command | Promise<Command>>> = {
  up: () => upCommand,
  down: () => downCommand,
  plan: async () => (await import('./commands/plan.ts')).planCommand,
  ls: () => lsCommand,
  status: () => statusCommand,
  exec: async () => (await import('./commands/exec.ts')).execCommand,
  explain: async () => (await import('./commands/explain.ts')).explainCommand,
  lab: async () => (await import('./commands/lab.ts')).labCommand,
  completion: async () => (await import('./commands/completion.ts')).completionCommand,
}

export const commandNames: readonly string[] = Object.keys(loaders)

/** The command of that name. Throws NatspaceError UNKNOWN_COMMAND (exit 2). */
export const loadCommand = async (name: string): Promise<Command> => {
  const load = Object.hasOwn(loaders, name) ? loaders[name] : undefined
  if (load !== undefined) return load()
  const near = suggest(name, commandNames)
  throw usageError(
    'UNKNOWN_COMMAND',
    `Cannot run the command ${quote(name)}`,
    near === undefined ? 'there is no such command' : `there is no such command; did you mean ${near}?`,
    ['natspace --help lists the commands'],
  )
}

export const loadCommands = (): Promise<Command[]> => Promise.all(commandNames.map(loadCommand))
