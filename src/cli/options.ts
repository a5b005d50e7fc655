/**
 * The options of a command as one table: parsing, `--help` and shell completion are all made from it. Parsed here and
 * not by node:util, whose parseArgs costs a quarter of the whole start and knows neither suggestions nor programs whose
 * own options follow theirs.
 */

import { NatspaceError } from '../space/errors.ts'
import { quote } from '../space/spec/quote.ts'
import { suggest } from '../space/spec/suggest.ts'

export type Option = {
  /** A `flag` takes no value, a `value` one, and a `list` may be given again and again. */
  kind: 'flag' | 'value' | 'list'
  /** One letter. */
  short?: string
  /** What stands for the value in the help: 'A', 'FILE'. */
  placeholder?: string
  help: string
  /** The only values there are; checked and completed. */
  values?: readonly string[]
  /** What a shell completes the value with. */
  completes?: 'file' | 'link'
  /** For natspace itself, when it starts itself anew: neither help nor completion tell of it. */
  hidden?: true
}

/** Options by their name in camel case: `hostInterface` is `--host-interface`. */
export type Options = Readonly<Record<string, Option>>

type ValueOf<O extends Option> = O['kind'] extends 'flag'
  ? boolean
  : O['kind'] extends 'list'
    ? string[]
    : string
/** The given options; what was not given is absent. */
export type Values<O extends Options> = { -readonly [K in keyof O]?: ValueOf<O[K]> | undefined }

export type Parsed<O extends Options> = { values: Values<O>; positionals: string[] }

/** `hostInterface` → `--host-interface`. */
export const optionName = (key: string): string =>
  `--${key.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`

/** An error of usage: exit 2, and the way to the help. */
export const usageError = (code: string, what: string, why: string, fix: string[]): NatspaceError =>
  new NatspaceError({ code, exit: 2, what, why, fix })

/**
 * Reads the arguments of `command` (a name for the messages). After `stopAfter` positionals everything is taken as it
 * stands: it belongs to another command. `--` ends the options; it is dropped, but not what follows it.
 * Throws NatspaceError (exit 2): UNKNOWN_OPTION, MISSING_VALUE, UNWANTED_VALUE, BAD_CHOICE, GIVEN_TWICE.
 */
export function parseOptions<O extends Options>(
  command: string,
  args: readonly string[],
  options: O,
  stopAfter = Number.POSITIVE_INFINITY,
): Parsed<O> {
  const reader = new Reader(command, args, options)
  reader.read(stopAfter)
  return { values: reader.values as Values<O>, positionals: reader.positionals }
}

type Value = boolean | string | string[]

class Reader {
  readonly values: Record<string, Value> = {}
  readonly positionals: string[] = []
  readonly #command: string
  readonly #args: readonly string[]
  readonly #options: Options
  readonly #byName: Map<string, string>
  #next = 0

  constructor(command: string, args: readonly string[], options: Options) {
    this.#command = command
    this.#args = args
    this.#options = options
    this.#byName = new Map()
    for (const [key, { short }] of Object.entries(options)) {
      this.#byName.set(optionName(key), key)
      if (short !== undefined) this.#byName.set(`-${short}`, key)
    }
  }

  read(stopAfter: number): void {
    while (this.#next < this.#args.length) {
      const arg = this.#args[this.#next++] as string
      if (arg === '--') break
      if (arg.startsWith('--')) this.#long(arg)
      else if (arg.startsWith('-') && arg !== '-') this.#short(arg)
      else {
        this.positionals.push(arg)
        if (this.positionals.length >= stopAfter) break
      }
    }
    // After the positional that ends our part, one `--` is still ours.
    if (this.positionals.length >= stopAfter && this.#args[this.#next] === '--') this.#next++
    this.positionals.push(...this.#args.slice(this.#next))
  }

  #long(arg: string): void {
    const equals = arg.indexOf('=')
    const name = equals < 0 ? arg : arg.slice(0, equals)
    this.#take(name, equals < 0 ? undefined : arg.slice(equals + 1))
  }

  /** `-jq`, `-p 80`, `-p80`, `-p=80` (whose `=` cannot be part of any value of ours). */
  #short(arg: string): void {
    for (let i = 1; i < arg.length; i++) {
      const name = `-${arg[i]}`
      const rest = arg.slice(i + 1)
      if (this.#optionOf(name).kind === 'flag') this.#take(name, undefined)
      else {
        this.#take(name, rest === '' ? undefined : rest.replace(/^=/, ''))
        return
      }
    }
  }

  #keyOf(name: string): string {
    const key = this.#byName.get(name)
    if (key === undefined) throw unknownOption(this.#command, name, [...this.#byName.keys()])
    return key
  }

  #optionOf(name: string): Option {
    return this.#options[this.#keyOf(name)] as Option
  }

  #take(name: string, attached: string | undefined): void {
    const key = this.#keyOf(name)
    const option = this.#optionOf(name)
    if (option.kind === 'flag') {
      if (attached !== undefined) throw unwantedValue(name, attached)
      this.values[key] = true
      return
    }
    const value = attached ?? this.#following(name, option)
    if (option.values !== undefined && !option.values.includes(value))
      throw badChoice(name, value, option.values)
    const before = this.values[key]
    if (option.kind === 'list') this.values[key] = [...((before as string[] | undefined) ?? []), value]
    else if (before === undefined) this.values[key] = value
    else throw givenTwice(name, String(before), value)
  }

  /** The argument after the option; what looks like an option is none of its values, unless attached with `=`. */
  #following(name: string, option: Option): string {
    const value = this.#args[this.#next]
    if (value === undefined || (value.startsWith('-') && value !== '-'))
      throw missingValue(name, option, value)
    this.#next++
    return value
  }
}

const unknownOption = (command: string, name: string, known: readonly string[]): NatspaceError => {
  const near = name.startsWith('--')
    ? suggest(
        name,
        known.filter(other => other.startsWith('--')),
      )
    : undefined
  return usageError(
    'UNKNOWN_OPTION',
    `Cannot use the option ${quote(name)}`,
    near === undefined
      ? `${command} has no such option`
      : `${command} has no such option; did you mean ${near}?`,
    [`${command} --help lists the options`],
  )
}

const missingValue = (name: string, option: Option, next: string | undefined): NatspaceError =>
  usageError(
    'MISSING_VALUE',
    `Cannot use the option ${name}`,
    next === undefined ? 'its value is missing' : `its value is missing: ${quote(next)} looks like an option`,
    [`write ${name}${name.startsWith('--') ? '=' : ' '}${option.placeholder ?? 'VALUE'}`],
  )

const unwantedValue = (name: string, value: string): NatspaceError =>
  usageError('UNWANTED_VALUE', `Cannot use ${name} with the value ${quote(value)}`, 'it takes none', [
    `write ${name}`,
  ])

const badChoice = (name: string, value: string, values: readonly string[]): NatspaceError => {
  const near = suggest(value, values)
  return usageError(
    'BAD_CHOICE',
    `Cannot use ${name} ${quote(value)}`,
    near === undefined ? 'it is not among the values' : `it is not among the values; did you mean ${near}?`,
    [`write one of: ${values.join(', ')}`],
  )
}

const givenTwice = (name: string, first: string, second: string): NatspaceError =>
  usageError(
    'GIVEN_TWICE',
    `Cannot use ${name} twice`,
    `it has one value, and ${quote(first)} and ${quote(second)} were given`,
    ['leave out one of them'],
  )

/** Throws NatspaceError UNEXPECTED_ARGUMENT (exit 2) when there are positionals. */
export const noArguments = (command: string, positionals: readonly string[]): void => {
  const [first] = positionals
  if (first === undefined) return
  throw usageError(
    'UNEXPECTED_ARGUMENT',
    `Cannot use the argument ${quote(first)}`,
    `natspace ${command} takes none`,
    [`natspace ${command} --help`],
  )
}
