import { NatspaceError } from '../space/errors.ts'
import { quote as quoteText } from '../space/spec/quote.ts'
import { suggest } from '../space/spec/suggest.ts'
import { isPlace, type Place } from './places.ts'
import { scenarios } from './scenarios/index.ts'
import type { Scenario } from './scenarios/scenario.ts'
import { type OmissibleStep, omissibleSteps } from './without.ts'

/** What `natspace lab` was asked for. */
export type LabOptions = {
  json: boolean
  quiet: boolean
  verbose: boolean
  color: 'auto' | 'always' | 'never'
} & (
  | { command: 'help' }
  | { command: 'run'; without: OmissibleStep | undefined; faults: readonly Scenario[] }
  | { command: 'scenarios' }
  /** `words`: the program and its arguments; [] opens a shell. */
  | { command: 'shell'; place: Place; words: string[] }
)

const options = ['--without', '--scenario', '--json', '--quiet', '--verbose', '--color', '--help']
const short: Record<string, string> = { '-j': '--json', '-q': '--quiet', '-h': '--help', '-v': '--verbose' }

/**
 * Reads the arguments after `natspace lab`: a command, options anywhere before `--`, and after `--` a program to run in
 * the shell's place. Throws NatspaceError of exit 2.
 */
export const parseLabOptions = (args: readonly string[]): LabOptions => {
  const end = args.indexOf('--')
  const own = end < 0 ? args : args.slice(0, end)
  const words = end < 0 ? [] : args.slice(end + 1)
  const general = { json: false, quiet: false, verbose: false, color: 'auto' as LabOptions['color'] }
  const positionals: string[] = []
  let without: OmissibleStep | undefined
  let faults: readonly Scenario[] = []
  let help = false
  for (let i = 0; i < own.length; i++) {
    const arg = own[i] as string
    if (!arg.startsWith('-')) {
      positionals.push(arg)
      continue
    }
    const equals = arg.indexOf('=')
    const name = equals < 0 ? (short[arg] ?? arg) : arg.slice(0, equals)
    const value = () => (equals < 0 ? own[++i] : arg.slice(equals + 1))
    if (name === '--json') general.json = true
    else if (name === '--quiet') general.quiet = true
    else if (name === '--help') help = true
    else if (name === '--color') general.color = readColor(value())
    else if (name === '--without') without = readStep(value())
    else if (name === '--scenario') faults = readScenario(value())
    else if (name === '--verbose') general.verbose = true
    else throw unknownOption(arg)
  }
  const [command = 'run', ...more] = positionals
  if (help || command === 'help') return { ...general, command: 'help' }
  if (command === 'run') {
    refuseMore('run', more)
    if (end >= 0)
      throw usage('UNWANTED_VALUE', 'natspace lab run takes no program', 'only the shell runs one')
    if (without !== undefined && faults.length > 0)
      throw usage(
        'CONFLICTING_OPTIONS',
        'natspace lab run takes --without or --scenario',
        'each makes a fault of its own',
      )
    return { ...general, command: 'run', without, faults }
  }
  if (command !== 'shell' && command !== 'scenarios')
    throw usage(
      'UNKNOWN_COMMAND',
      `natspace lab has no command ${quote(command)}`,
      'it has run, scenarios and shell',
    )
  if (without !== undefined || faults.length > 0)
    throw usage(
      'UNKNOWN_OPTION',
      `natspace lab ${command} has no ${without === undefined ? '--scenario' : '--without'}`,
      'only run makes a fault',
    )
  if (command === 'scenarios') {
    refuseMore('scenarios', more)
    return { ...general, command }
  }
  const [place = 'host1', ...rest] = more
  refuseMore('shell', rest)
  if (!isPlace(place))
    throw usage(
      'BAD_CHOICE',
      `the lab has no ${quote(place)}`,
      'its places are host1, host2, myspace and lan',
    )
  return { ...general, command: 'shell', place, words }
}

const readColor = (value: string | undefined): LabOptions['color'] => {
  if (value === 'auto' || value === 'always' || value === 'never') return value
  throw usage('BAD_CHOICE', `--color cannot be ${quote(value)}`, 'it is auto, always or never')
}

const readStep = (value: string | undefined): OmissibleStep => {
  const step = omissibleSteps.find(number => String(number) === value)
  if (step !== undefined) return step
  const earlier = value !== undefined && /^[1-5]$/.test(value)
  throw usage(
    'BAD_CHOICE',
    `--without cannot be ${quote(value)}`,
    earlier
      ? 'steps 1 to 5 make the cable itself, without which there is nothing to try'
      : 'it is the number of a step: 6 (default route), 7 (forwarding), 8 (SNAT) or 9 (FORWARD rules)',
  )
}

const readScenario = (value: string | undefined): readonly Scenario[] => {
  const code = value?.toUpperCase() ?? ''
  const found = code === 'ALL' ? scenarios : scenarios.filter(scenario => scenario.code === code)
  if (found.length > 0) return found
  const near = suggest(
    code,
    scenarios.map(scenario => scenario.code),
  )
  throw usage(
    'BAD_CHOICE',
    `--scenario cannot be ${quote(value)}`,
    near === undefined
      ? 'it is the code of a fault, or all: natspace lab scenarios lists them'
      : `perhaps ${near} is meant; natspace lab scenarios lists them`,
  )
}

const unknownOption = (arg: string): NatspaceError => {
  const near = suggest(arg, options)
  return usage(
    'UNKNOWN_OPTION',
    `natspace lab has no option ${quote(arg)}`,
    near === undefined ? `its options are ${options.join(', ')}` : `perhaps ${near} is meant`,
  )
}

const refuseMore = (command: string, [extra]: readonly string[]): void => {
  if (extra !== undefined)
    throw usage(
      'UNWANTED_VALUE',
      `natspace lab ${command} cannot take ${quote(extra)}`,
      'nothing more is expected',
    )
}

const usage = (code: string, what: string, why: string): NatspaceError =>
  new NatspaceError({ code, exit: 2, what, why, fix: ['natspace lab --help'] })

const quote = (value: string | undefined): string => (value === undefined ? 'empty' : quoteText(value))
