import { version } from '../version.ts'
import { generalOptions } from './command.ts'
import { type Options, parseOptions, type Values } from './options.ts'
import { Output, ReaderGone, type Sink, styleFor } from './output.ts'
import { loadCommand } from './registry.ts'
import { reportFailure } from './report-failure.ts'
import { did } from './timeline/stages.ts'

type Environment = Readonly<Record<string, string | undefined>>

const startOptions = {
  ...generalOptions,
  version: { kind: 'flag', help: 'print the version' },
} as const satisfies Options

/** Runs a command line and returns its exit status. Never throws: every error becomes a message and a status. */
export const run = async (args: readonly string[], environment: Environment, sink: Sink): Promise<number> => {
  // While the options are not read, only this tells how an error is to be shown; after `--` they are another program's.
  const ours = args.includes('--') ? args.slice(0, args.indexOf('--')) : args
  const seemsJson = ours.some(arg => arg === '--json' || /^-[hqv]*j[hjqv]*$/.test(arg))
  let output = outputFor({ json: seemsJson }, environment, sink)
  let name = ''
  let failureStatus: number | undefined
  try {
    const start = parseOptions('natspace', args, startOptions, 1)
    output = outputFor({ ...start.values, json: seemsJson }, environment, sink)
    if (start.values.version) return printVersion(output)
    const [first, ...rest] = start.positionals
    if (first === undefined || first === 'help' || start.values.help) {
      const topic = first === 'help' ? rest.find(arg => !arg.startsWith('-')) : first
      return await help(topic, output, start.values.help === true || first === 'help')
    }
    name = first
    did('arguments')
    const command = await loadCommand(first)
    did('code loaded')
    failureStatus = command.failureStatus
    if (command.reads === 'raw')
      return await command.run({ options: start.values, positionals: rest, output, environment })
    const options: Options & typeof generalOptions = { ...command.options, ...generalOptions }
    const { values, positionals } = parseOptions(`natspace ${first}`, rest, options, command.stopAfter)
    const merged = Object.assign(values, { ...start.values, ...values })
    output = outputFor(merged, environment, sink)
    if (merged.help) return await help(first, output, true)
    did('arguments')
    return await command.run({ options: merged, positionals, output, environment })
  } catch (error) {
    if (error instanceof ReaderGone) return 0
    // What an error means is looked up only where there is one: that knows of the whole kernel.
    const { failureOf } = await import('./failure.ts')
    const failure = failureOf(error)
    try {
      reportFailure(output, name, failure)
    } catch (problem) {
      if (!(problem instanceof ReaderGone)) throw problem
    }
    return failureStatus ?? failure.exit
  }
}

type General = Values<Omit<typeof generalOptions, 'help'>>

const outputFor = (options: General, environment: Environment, sink: Sink): Output =>
  new Output(sink, {
    json: options.json === true,
    quiet: options.quiet === true,
    verbose: options.verbose === true,
    style: styleFor(1, options.color, environment),
    errorStyle: styleFor(2, options.color, environment),
  })

const printVersion = (output: Output): number => {
  if (output.json) output.object('version', { version })
  else output.lines([`natspace ${version}`])
  return 0
}

/** The help: of a command, or the list of commands. When nobody asked for it, it goes to stderr as an error of usage. */
const help = async (topic: string | undefined, output: Output, asked: boolean): Promise<number> => {
  const { commandHelp, overview } = await import('./help.ts')
  const style = asked ? output.style : output.errorStyle
  const lines =
    topic === undefined ? await overview(style) : await commandHelp(await loadCommand(topic), style)
  if (asked) output.lines(lines)
  else output.messages(lines)
  return asked ? 0 : 2
}
