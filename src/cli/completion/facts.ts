import { type Command, generalOptions } from '../command.ts'
import { type Option, optionName } from '../options.ts'

/** What a shell needs to know of an option. */
export type OptionFacts = {
  long: string
  short: string | undefined
  takesValue: boolean
  /** With what its value is completed: a list of words, or a kind of things on this machine. */
  value: readonly string[] | 'file' | 'link' | 'none'
  help: string
}

export type CommandFacts = {
  name: string
  summary: string
  options: OptionFacts[]
  completes: Command['completes']
  /** Positionals after which another program is called. */
  stopAfter: number | undefined
}

/** The options of every command, for completing in front of its name. */
export const generalFacts = (): OptionFacts[] => [
  ...Object.entries(generalOptions).map(([key, option]) => optionFacts(key, option)),
  { long: '--version', short: undefined, takesValue: false, value: 'none', help: 'print the version' },
]

/** The table of a command as a shell needs it. */
export const commandFacts = ({ name, summary, options, completes, stopAfter }: Command): CommandFacts => ({
  name,
  summary,
  options: Object.entries<Option>({ ...options, ...generalOptions })
    .filter(([, { hidden }]) => !hidden)
    .map(([key, option]) => optionFacts(key, option)),
  completes,
  stopAfter,
})

const optionFacts = (key: string, option: Option): OptionFacts => ({
  long: optionName(key),
  short: option.short === undefined ? undefined : `-${option.short}`,
  takesValue: option.kind !== 'flag',
  value: option.values ?? option.completes ?? 'none',
  help: option.help,
})

/** In single quotes, for all three shells: an apostrophe becomes a typographic one, as fish and sh escape it differently. */
export const quoted = (text: string): string => `'${text.replaceAll("'", '’')}'`
