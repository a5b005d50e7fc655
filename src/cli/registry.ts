import { quote } from '../space/spec/quote.ts'
import { suggest } from '../space/spec/suggest.ts'
import type { Command } from './command.ts'
import { usageError } from './options.ts'

/**
 * All commands, in the order of the help. Each is loaded when it is called: `exec` must not pay for the start of the
 * engine, nor `up` for the texts of `explain`.
 */
const loaders: Readonly<Record<string, () => Promise<Command>>> = {
  up: async () => (await import('./commands/up.ts')).upCommand,
  down: async () => (await import('./commands/down.ts')).downCommand,
  plan: async () => (await import('./commands/plan.ts')).planCommand,
  ls: async () => (await import('./commands/ls.ts')).lsCommand,
  status: async () => (await import('./commands/status.ts')).statusCommand,
  watch: async () => (await import('./commands/watch.ts')).watchCommand,
  gc: async () => (await import('./commands/gc.ts')).gcCommand,
  publish: async () => (await import('./commands/publish.ts')).publishCommand,
  unpublish: async () => (await import('./commands/unpublish.ts')).unpublishCommand,
  exec: async () => (await import('./commands/exec.ts')).execCommand,
  capture: async () => (await import('./commands/capture.ts')).captureCommand,
  trace: async () => (await import('./commands/trace.ts')).traceCommand,
  adopt: async () => (await import('./commands/adopt.ts')).adoptCommand,
  enable: async () => (await import('./commands/enable.ts')).enableCommand,
  disable: async () => (await import('./commands/disable.ts')).disableCommand,
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand,
  cni: async () => (await import('./commands/cni.ts')).cniCommand,
  export: async () => (await import('./commands/export.ts')).exportCommand,
  explain: async () => (await import('./commands/explain.ts')).explainCommand,
  lab: async () => (await import('./commands/lab.ts')).labCommand,
  ui: async () => (await import('./commands/ui.ts')).uiCommand,
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
