import { optionSite } from '../space/spec/fault.ts'
import { quote } from '../space/spec/quote.ts'
import type { RawSpec, SpaceSpec } from '../space/spec/types.ts'
import { validateSpec } from '../space/spec/validate.ts'
import { expectWorkOn } from './jit.ts'
import { type Options, optionName, usageError, type Values } from './options.ts'

/** The options that say what a space should be; the same for `up` and `plan`. */
export const specOptions = {
  address: { kind: 'value', placeholder: 'A', help: 'IPv4 address inside the space' },
  gateway: {
    kind: 'value',
    placeholder: 'G/LEN',
    help: 'address of the host end with the length of the subnet',
  },
  address6: {
    kind: 'value',
    placeholder: 'A',
    help: 'IPv6 address inside the space, which then has IPv6 for certain',
  },
  gateway6: {
    kind: 'value',
    placeholder: 'G/LEN',
    help: 'address of the host end by IPv6 with the length of the subnet',
  },
  hostInterface: { kind: 'value', placeholder: 'IF', help: 'name of the host end (default: veth-NAME)' },
  interface: { kind: 'value', placeholder: 'IF', help: 'name of the inner end (default: eth0)' },
  uplink: {
    kind: 'value',
    placeholder: 'IF',
    completes: 'link',
    help: 'let the space out by this link only (default: wherever a route leads)',
  },
  source: {
    kind: 'list',
    placeholder: 'A',
    help: 'leave with this address of the host (default: the one that the route has)',
  },
  ipv6: {
    kind: 'value',
    placeholder: 'WHEN',
    values: ['auto', 'on', 'off'],
    help: 'IPv6 beside IPv4: auto (where this host has it), on, off',
  },
  publish: {
    kind: 'list',
    short: 'p',
    placeholder: 'SPEC',
    help: 'lead a port of the host into the space: [HOSTIP:]PORT[-END][:PORT[-END]][/tcp|udp|sctp]',
  },
  dns: { kind: 'list', placeholder: 'A', help: 'resolver for programs started with natspace exec' },
  mtu: { kind: 'value', placeholder: 'N', help: 'MTU of both ends, in bytes (default: that of the uplink)' },
  rateUp: { kind: 'value', placeholder: 'RATE', help: 'most that leaves the space: 10mbit, 500kbit' },
  rateDown: { kind: 'value', placeholder: 'RATE', help: 'most that reaches the space' },
  internal: { kind: 'flag', help: 'no way outside: the space reaches this host only' },
  connect: {
    kind: 'list',
    placeholder: 'NAME',
    help: 'let the space open connections to another one',
  },
  egress: {
    kind: 'list',
    placeholder: 'DEST',
    help: 'let it reach only these outside: any or ADDRESS[/LEN], then [:PORT[-END]][/tcp|udp|sctp|icmp]',
  },
  host: {
    kind: 'value',
    placeholder: 'WHAT',
    values: ['none', 'dns', 'all'],
    help: 'what of this host it reaches: none, dns (and ping; the default), all',
  },
  metadata: { kind: 'flag', help: 'let the space ask the metadata service of the cloud' },
  fixFirewall: {
    kind: 'flag',
    help: 'where a firewall of somebody else would drop the traffic, add the smallest reversible rule to it',
  },
  file: {
    kind: 'value',
    short: 'f',
    placeholder: 'FILE',
    completes: 'file',
    help: 'take spaces from a YAML or JSON file; - is stdin',
  },
} as const satisfies Options

const perSpace = [
  'address',
  'gateway',
  'address6',
  'gateway6',
  'hostInterface',
  'interface',
  'uplink',
  'source',
  'ipv6',
  'publish',
  'dns',
  'mtu',
  'rateUp',
  'rateDown',
  'internal',
  'connect',
  'egress',
  'host',
  'metadata',
  'fixFirewall',
] as const

/**
 * The specs that a command line asks for: one of NAME and options, or those of a file (only NAMEs of it when some are
 * given). Throws NatspaceError of exit 2.
 */
export const specsFrom = async (
  command: string,
  options: Values<typeof specOptions>,
  names: readonly string[],
): Promise<SpaceSpec[]> => {
  if (options.file !== undefined) return specsFromFile(command, options, names)
  const [name, extra] = names
  if (name === undefined)
    throw usageError(
      'MISSING_ARGUMENT',
      `Cannot run natspace ${command}`,
      'the name of the space is missing',
      [`natspace ${command} NAME, or natspace ${command} -f FILE`],
    )
  if (extra !== undefined)
    throw usageError(
      'UNEXPECTED_ARGUMENT',
      `Cannot use the argument ${quote(extra)}`,
      `natspace ${command} takes one name`,
      [`write several spaces into a file: natspace ${command} -f FILE`],
    )
  return [validateSpec(name, rawSpecOf(options), optionSite)]
}

/** The options in the shape of a file's entry. */
const rawSpecOf = ({ rateUp, rateDown, egress, ...rest }: Values<typeof specOptions>): RawSpec => ({
  ...rest,
  ...(rateUp === undefined && rateDown === undefined ? {} : { rate: { up: rateUp, down: rateDown } }),
  ...(egress === undefined ? {} : { egress: { allow: egress } }),
})

const specsFromFile = async (
  command: string,
  options: Values<typeof specOptions>,
  names: readonly string[],
): Promise<SpaceSpec[]> => {
  const conflicting = perSpace.find(key => options[key] !== undefined)
  if (conflicting !== undefined)
    throw usageError(
      'CONFLICTING_OPTIONS',
      `Cannot use ${optionName(conflicting)} together with --file`,
      'the file says what each space is',
      ['write them into the file, or leave out --file'],
    )
  const specs = await specsOfFile(options.file ?? '')
  if (names.length === 0) return specs
  return names.map(name => {
    const spec = specs.find(item => item.name === name)
    if (spec !== undefined) return spec
    throw usageError(
      'NOT_IN_FILE',
      `Cannot run natspace ${command} for ${quote(name)}`,
      'the file has no space of that name',
      [`it has: ${specs.map(item => item.name).join(', ') || 'none'}`],
    )
  })
}

/** About as many characters stand for one space of a file. */
const charactersOfSpace = 40

/** All spaces of a file ('-' is stdin). Throws NatspaceError of exit 2: NO_FILE, BAD_FILE and all of parseSpecFile. */
export const specsOfFile = async (file: string): Promise<SpaceSpec[]> => {
  const text = await readText(file)
  // Reading a file needs YAML and the schema library: several times the start of everything else.
  const { parseSpecFile } = await import('../space/spec/file.ts')
  expectWorkOn(text.length / charactersOfSpace)
  return parseSpecFile(text, file === '-' ? 'stdin' : file)
}

const readText = async (file: string): Promise<string> => {
  try {
    // Loading it takes a millisecond, and most commands name no file.
    const { readFileSync } = await import('node:fs')
    return readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    throw usageError('NO_FILE', `Cannot read ${quote(file)}`, (error as Error).message, [
      'name a file that is there, or - for stdin',
    ])
  }
}
