/**
 * Theory of operation. A container runtime starts the plugin once for each thing that it wants, with the request in the
 * environment and the network on standard input, and reads one JSON object from standard output: a result, or an error
 * with a number. Whatever happens, nothing else is written there. The engine is opened only when the request is right.
 */

import type { NatspaceError } from '../space/errors.ts'
import type { Context, Warning } from '../space/reconcile/types.ts'
import { visible } from '../space/spec/quote.ts'
import * as actions from './actions.ts'
import { type Header, parseHeader, versionIn } from './configuration.ts'
import { parseRequest, type Request } from './environment.ts'
import { CniError, cniCode, cniErrorOf } from './error.ts'
import { errorResult, versionResult } from './result.ts'
import { type CniVersion, isAtLeast, newestVersion } from './version.ts'

/** What surrounds one run. */
export type Surroundings = {
  environment: Readonly<Record<string, string | undefined>>
  /** All of standard input. Throws CniError 5. */
  read: () => string
  /** The kernel, the state folder, and how long to wait for the lock (in milliseconds); disposed of at the end. */
  open: () => Context & Disposable & { lockPatience?: number }
  /** What is no error and has no place in an answer: a line for whoever keeps what the plugin says. */
  warn: (line: string) => void
  /** Any error in the words of the command. */
  explain: (error: unknown) => Promise<NatspaceError>
}

/** What stdout gets ('' for nothing), and the exit status. */
export type Answer = { text: string; status: 0 | 1 }

/** Runs one request. Never throws. */
export const runPlugin = async (surroundings: Surroundings): Promise<Answer> => {
  let version: CniVersion = newestVersion
  try {
    const text = surroundings.read()
    version = versionIn(text)
    const request = parseRequest(surroundings.environment)
    if (request.command === 'VERSION') return answer(versionResult(version))
    const header = parseHeader(text)
    checkVersion(request, header)
    const result = await perform(request, header, surroundings)
    return result === undefined ? { text: '', status: 0 } : answer(result)
  } catch (error) {
    const known = error instanceof CniError ? error : cniErrorOf(await surroundings.explain(error))
    return { text: textOf(errorResult(version, known)), status: 1 }
  }
}

const answer = (value: object): Answer => ({ text: textOf(value), status: 0 })

const textOf = (value: object): string => `${JSON.stringify(value, undefined, 2)}\n`

const firstWith: Partial<Record<Request['command'], CniVersion>> = {
  CHECK: '0.4.0',
  GC: '1.1.0',
  STATUS: '1.1.0',
}

const checkVersion = ({ command }: Request, { version }: Header): void => {
  const first = firstWith[command]
  if (first !== undefined && !isAtLeast(version, first))
    throw new CniError(
      cniCode.incompatibleVersion,
      `CNI ${version} has no ${command}`,
      `it came with ${first}`,
    )
}

const perform = async (
  request: Request,
  header: Header,
  { open, warn }: Surroundings,
): Promise<object | undefined> => {
  using context = open()
  const options = {
    ...(context.lockPatience === undefined ? {} : { lockPatience: context.lockPatience }),
    tell: (warnings: readonly Warning[]) => {
      for (const { code, what, why } of warnings) warn(visible(`natspace: ${code}: ${what}: ${why}`))
    },
  }
  switch (request.command) {
    case 'ADD':
      return await actions.add(context, request, header, options)
    case 'DEL':
      await actions.del(context, request, header, options)
      return undefined
    case 'CHECK':
      await actions.check(context, request, header)
      return undefined
    case 'GC':
      await actions.gc(context, request, header, options)
      return undefined
    case 'STATUS':
      await actions.status(context, request, header, options)
      return undefined
    case 'VERSION':
      return undefined
  }
}
