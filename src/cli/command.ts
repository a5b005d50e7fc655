import type { Options, Values } from './options.ts'
import type { Output } from './output.ts'

/** What a command is given when it runs. */
export type Input<O extends Options> = {
  options: Values<O> & Values<typeof generalOptions>
  positionals: string[]
  output: Output
  environment: Readonly<Record<string, string | undefined>>
}

/** A command as a table: how it is called, what it says about itself, and what it does. */
export type Command<O extends Options = Options> = {
  name: string
  /** One line for the list of commands. */
  summary: string
  /** Forms of the arguments, without the name: 'NAME [OPTION]...' */
  usage: readonly string[]
  /** Paragraphs for the help. */
  about: readonly string[]
  options: O
  /** What a shell completes positionals with. */
  completes: 'space' | 'namespace' | 'none' | readonly string[]
  /** Positionals after which everything belongs to another program. */
  stopAfter?: number
  /** `raw`: the arguments are not parsed here, and all of them are positionals. */
  reads?: 'raw'
  /** Another help than the one made from this table. */
  help?(): Promise<string[]>
  /** Exit status of everything natspace itself fails at, where it must differ from a program's own. */
  failureStatus?: number
  examples: readonly { command: string; does: string }[]
  /** Returns the exit status. Throws NatspaceError and the errors of the kernel. */
  run(input: Input<O>): Promise<number>
}

/** Keeps the option names of a table in its type while the command itself becomes one of many. */
export const defineCommand = <const O extends Options>(command: Command<O>): Command =>
  command as unknown as Command

/** Options that every command has, and that may stand before its name too. */
export const generalOptions = {
  json: { kind: 'flag', short: 'j', help: 'print one JSON object on stdout, errors too' },
  quiet: { kind: 'flag', short: 'q', help: 'print nothing but errors and what was asked for' },
  verbose: {
    kind: 'flag',
    short: 'v',
    help: 'print more: each operation, and where an internal error arose',
  },
  color: {
    kind: 'value',
    placeholder: 'WHEN',
    values: ['auto', 'always', 'never'],
    help: 'colours: auto (on a terminal, unless NO_COLOR is set), always, never',
  },
  help: { kind: 'flag', short: 'h', help: 'show this help' },
} as const satisfies Options
