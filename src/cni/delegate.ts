/**
 * Theory of operation. Where `ipam.type` names another plugin, that one gives the addresses (CNI specification 1.1.0,
 * section 4, "Plugin Delegation"): it is looked for in CNI_PATH by its name alone, gets the request as it came, and
 * answers with JSON. It is asked before the engine's lock is taken, as it may take its time; what it gave is given back
 * when the engine cannot use it. If natspace is killed in between, the runtime's DEL reaches the plugin as well.
 */

import { accessSync, constants, statSync } from 'node:fs'
import { networkOf, parsePrefix } from '../linux/net/prefix.ts'
import { runExecutable } from '../linux/program.ts'
import { NatspaceError } from '../space/errors.ts'
import { quote } from '../space/spec/quote.ts'
import type { Dns, Header } from './configuration.ts'
import type { CniCommand, Request } from './environment.ts'
import { type CniCode, CniError, cniCode, cniErrorOf } from './error.ts'
import { badField, Fields } from './fields.ts'
import { endpointOf, type Ipam } from './ipam.ts'
import { parseRoutes } from './routes.ts'

/** What a plugin gave for one container. */
export type Lease = { ipam: Ipam; dns: Dns }

/** Milliseconds: a plugin may have to ask a server, and wait for a lock of its own. */
const patience = 60_000

/** Asks a plugin for addresses. Throws CniError: what it said, or what is wrong with what it gave, which it has back then. */
export const leaseOf = (request: Request, header: Header, delegate: string): Lease => {
  const output = askDelegate('ADD', request, header, delegate)
  try {
    return parseLease(output, delegate)
  } catch (error) {
    throw afterRelease(error, request, header, delegate)
  }
}

/**
 * Gives back what a plugin gave, as it cannot be used. Returns the reason, and says in it if even that failed. What a
 * container has already is not given back because it cannot have it twice.
 */
export const afterRelease = (
  reason: unknown,
  request: Request,
  header: Header,
  delegate: string,
): unknown => {
  if (reason instanceof CniError && reason.code === cniCode.alreadyAttached) return reason
  try {
    askDelegate('DEL', request, header, delegate)
    return reason
  } catch (error) {
    if (!(reason instanceof CniError || reason instanceof NatspaceError)) return reason
    const { code, message, details } = cniErrorOf(reason)
    const failure = error instanceof Error ? error.message : String(error)
    return new CniError(code, message, `${details}; the address could not be given back: ${failure}`)
  }
}

/** Runs a plugin for one command and returns its standard output. Throws CniError 7 where it is not to be found, 107. */
export const askDelegate = (
  command: CniCommand,
  { environment }: Request,
  { text }: Pick<Header, 'text'>,
  delegate: string,
): string => {
  const { status, output, failure } = runExecutable(executableOf(delegate, environment.CNI_PATH), {
    environment: { ...environment, CNI_COMMAND: command },
    input: text,
    patience,
  })
  if (failure !== undefined) throw failed(delegate, command, `it could not be run: ${failure}`)
  if (status === 0) return output
  throw saidOf(output, delegate, command) ?? failed(delegate, command, `it ended with status ${status}`)
}

/** The first executable file of that name in the folders of CNI_PATH; the name is checked (see ipam.ts). */
const executableOf = (name: string, path = ''): string => {
  const folders = path.split(':').filter(folder => folder.startsWith('/'))
  const found = folders.map(folder => `${folder}/${name}`).find(isExecutable)
  if (found !== undefined) return found
  throw badField('ipam.type', name, `no folder of CNI_PATH (${quote(path)}) has an executable of this name`)
}

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    // Not there, or not for us: the next folder may have it.
    return false
  }
}

const failed = (delegate: string, command: CniCommand, why: string, code: CniCode = cniCode.delegateFailed) =>
  new CniError(code, `the plugin ${delegate} could not do ${command}`, why)

/** Codes that say the same whoever says it. */
const common: readonly CniCode[] = [cniCode.tryLater, cniCode.notAvailable]

/** The error of a plugin, in its own words; undefined where it printed none. */
const saidOf = (output: string, delegate: string, command: CniCommand): CniError | undefined => {
  let said: Fields
  try {
    said = new Fields(JSON.parse(output), '')
  } catch {
    // It is no error of CNI, so its status alone is told.
    return undefined
  }
  const [code, message, details] = [said.get('code'), said.get('msg'), said.get('details')]
  const words = [message, details].filter(text => typeof text === 'string' && text !== '').join(': ')
  return failed(
    delegate,
    command,
    `error ${typeof code === 'number' ? code : 'without a number'}: ${words.slice(0, longestWords)}`,
    common.find(known => known === code),
  )
}

const longestWords = 1000

/** Reads the result of ADD. Throws CniError 107 for what is none. */
const parseLease = (output: string, delegate: string): Lease => {
  const refuse = (why: string) => failed(delegate, 'ADD', why)
  let result: Fields
  try {
    result = new Fields(JSON.parse(output), '')
  } catch {
    throw refuse('what it printed is no object of JSON')
  }
  try {
    const fixed = result.objects('ips').map(item => {
      const text = item.text('address') ?? ''
      const [prefix, subnet] = [parsePrefix(text), networkOf(text)]
      if (prefix === undefined || subnet === undefined)
        throw badField(item.at('address'), text, 'it must be an address with its length')
      const gateway = item.text('gateway') || undefined
      return endpointOf({ address: prefix.address, subnet, gateway }, item.at('gateway'))
    })
    if (fixed.length === 0) throw badField('ips', [], 'there must be an address')
    const gateways = fixed.map(({ gateway }) => gateway)
    const routes = parseRoutes(result.objects('routes'), gateways)
    return { ipam: { sets: [], fixed, wanted: [], routes }, dns: dnsOf(result.object('dns')) }
  } catch (error) {
    if (error instanceof CniError)
      throw refuse(`its result cannot be used: ${error.message}: ${error.details}`)
    throw error
  }
}

const dnsOf = (fields: Fields | undefined): Dns => {
  if (fields === undefined) return {}
  const domain = fields.text('domain')
  const lists = (['nameservers', 'search', 'options'] as const).map(key => [key, fields.texts(key)] as const)
  return {
    ...(domain ? { domain } : {}),
    ...Object.fromEntries(lists.filter(([, list]) => list.length > 0)),
  }
}
