/** What a runtime says in the environment (CNI specification 1.1.0, section 2, "Parameters"). */

import { isCreatableInterfaceName } from '../linux/net/interface-name.ts'
import { quote } from '../space/spec/quote.ts'
import { CniError, cniCode } from './error.ts'

export const cniCommands = ['ADD', 'DEL', 'CHECK', 'GC', 'STATUS', 'VERSION'] as const

export type CniCommand = (typeof cniCommands)[number]

/** One container and the interface that it is to have. */
export type Endpoint = { container: string; interface: string }

/** The request; what a command does not need may be missing. */
export type Request = {
  command: CniCommand
  /** For ADD, DEL and CHECK. */
  endpoint?: Endpoint
  /** Path of the network namespace; DEL does without. */
  namespacePath?: string
  /** CNI_ARGS, the last of each key. */
  arguments: ReadonlyMap<string, string>
  /** All of it, for a plugin that is asked for addresses. */
  environment: Environment
}

type Environment = Readonly<Record<string, string | undefined>>

/** Bytes; NAME_MAX and PATH_MAX of Linux, and a bound for lists of arguments. */
const longest = { name: 255, path: 4095, arguments: 65_536 } as const

/** Reads the environment of a plugin. Throws CniError 4 that names the variable. */
export const parseRequest = (environment: Environment): Request => {
  const command = cniCommands.find(known => known === environment.CNI_COMMAND)
  if (command === undefined)
    throw refuse('CNI_COMMAND', environment.CNI_COMMAND, `it must be one of ${cniCommands.join(', ')}`)
  const needsEndpoint = command === 'ADD' || command === 'DEL' || command === 'CHECK'
  if (!needsEndpoint) return { command, arguments: new Map(), environment }
  const namespacePath = parsePath(environment.CNI_NETNS, command)
  return {
    command,
    endpoint: {
      container: parseContainer(environment.CNI_CONTAINERID),
      interface: parseInterface(environment.CNI_IFNAME),
    },
    ...(namespacePath === undefined ? {} : { namespacePath }),
    // Nothing in them is needed to take something away.
    arguments: command === 'DEL' ? new Map() : parseArguments(environment.CNI_ARGS),
    environment,
  }
}

/** Whether a text names a container or a network: letters, digits, `_`, `.` and `-`, a letter or digit first. */
export const isCniName = (text: string): boolean =>
  text.length <= longest.name && /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(text)

const parseContainer = (text: string | undefined): string => {
  if (text !== undefined && isCniName(text)) return text
  throw refuse(
    'CNI_CONTAINERID',
    text,
    `it must start with a letter or digit and have only letters, digits, _, . and -, at most ${longest.name}`,
  )
}

const parseInterface = (text: string | undefined): string => {
  if (text !== undefined && isCreatableInterfaceName(text)) return text
  throw refuse('CNI_IFNAME', text, 'it must be the name of an interface: 1 to 15 letters, digits, _, . and -')
}

const parsePath = (text: string | undefined, command: CniCommand): string | undefined => {
  if (text === undefined || text === '') {
    if (command === 'DEL') return undefined
    throw refuse('CNI_NETNS', text, `${command} needs it`)
  }
  if (text.startsWith('/') && text.length <= longest.path && !text.includes('\0')) return text
  throw refuse('CNI_NETNS', text, 'it must be the absolute path of a network namespace')
}

/** Of the conventions of CNI, and what runtimes of Kubernetes send. */
const knownArguments = new Set([
  ...['IgnoreUnknown', 'IP', 'MAC'],
  ...['K8S_POD_NAMESPACE', 'K8S_POD_NAME', 'K8S_POD_INFRA_CONTAINER_ID', 'K8S_POD_UID'],
])

/** `KEY=VALUE;KEY=VALUE`. Keys that nobody here knows are refused, unless IgnoreUnknown is set. */
const parseArguments = (text = ''): Map<string, string> => {
  const found = new Map<string, string>()
  if (text.length > longest.arguments) throw refuse('CNI_ARGS', text.slice(0, 40), 'it is too long')
  for (const pair of text.split(';')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    if (equals < 1) throw refuse('CNI_ARGS', pair, 'it must be KEY=VALUE pairs with semicolons between')
    found.set(pair.slice(0, equals), pair.slice(equals + 1))
  }
  const unknown = [...found.keys()].find(key => !knownArguments.has(key))
  if (unknown !== undefined && !isTrue(found.get('IgnoreUnknown')))
    throw refuse('CNI_ARGS', unknown, 'nobody here knows this key, and IgnoreUnknown=true is not among them')
  return found
}

const isTrue = (text = ''): boolean => ['1', 'true'].includes(text.toLowerCase())

const refuse = (variable: string, value: string | undefined, why: string): CniError =>
  new CniError(
    cniCode.environment,
    value === undefined ? `${variable} is missing` : `cannot use ${variable} ${quote(value)}`,
    why,
  )
