import type { Readable, Writable } from 'node:stream'
import { type ErrorFacts, NatspaceError } from '../space/errors.ts'
import type { Answer, EngineChannel, Handlers, Request, Verb } from './channel.ts'
import { LineReader, toLine } from './lines.ts'
import type { ServerEvent } from './protocol.ts'
import { isVerb, readParams } from './requests.ts'

export type Facts = Required<Omit<ErrorFacts, 'cause'>>

/** Bytes of the longest question: a spec file with its line ends escaped. */
const longestRequest = 8 * 1024 * 1024
/** Bytes that may wait to be read by the front before events are dropped. */
const mostWaiting = 4 * 1024 * 1024

/**
 * The engine's end of the pipe over two streams. `factsOf` says in natspace's words what a handler has thrown. The
 * engine is the only writer of `output`.
 */
export const openEngineChannel = (
  input: Readable,
  output: Writable,
  factsOf: (error: unknown) => Facts,
): EngineChannel => {
  let waiting = 0
  let lost = 0
  let closed = false

  const send = (message: Answer): void => {
    if (closed) return
    const line = Buffer.from(toLine(message))
    waiting += line.length
    output.write(line, () => {
      waiting -= line.length
      if (lost > 0 && waiting < mostWaiting / 2) tellLoss()
    })
  }
  const tellLoss = (): void => {
    const count = lost
    lost = 0
    send({ event: { type: 'lost', what: `${count} ${count === 1 ? 'event' : 'events'}` } })
  }

  const answer = async (handlers: Handlers, { id, verb, params }: Request): Promise<void> => {
    try {
      if (!isVerb(verb)) throw unknownVerb(verb)
      send({ id, result: (await callHandler(handlers, verb, params)) ?? null })
    } catch (error) {
      const facts = factsOf(error)
      const { code, what, why, evidence, fix } = facts
      send({ id, failure: { code, what, why, evidence, fix }, status: statusOf(facts) })
    }
  }

  return {
    serve: handlers =>
      new Promise((resolve, reject) => {
        const reader = new LineReader(longestRequest, line => {
          void answer(handlers, readRequest(line))
        })
        const end = (error?: Error) => {
          closed = true
          if (error === undefined) resolve()
          else reject(error)
        }
        input.on('data', (chunk: Uint8Array) => {
          try {
            reader.feed(chunk)
          } catch (error) {
            // Not a front of ours, or one that is broken: there is nobody to serve.
            end(error as Error)
          }
        })
        input.once('end', () => end())
        input.once('close', () => end())
        input.once('error', end)
        // The front has gone: the input ends as well, and that is where it is noticed.
        output.on('error', () => end())
      }),
    push: (event: ServerEvent) => {
      if (waiting > mostWaiting || lost > 0) {
        lost += 1
        return false
      }
      send({ event })
      return true
    },
  }
}

/** Generic, so that the handler and its params are known to belong together. */
const callHandler = <V extends Verb>(handlers: Handlers, verb: V, params: unknown): unknown =>
  handlers[verb](readParams(verb, params))

/** Throws SyntaxError and TypeError for a line that no front of ours writes. */
const readRequest = (line: string): Request => {
  const message: unknown = JSON.parse(line)
  if (typeof message === 'object' && message !== null && 'id' in message && 'verb' in message) {
    const { id, verb } = message
    if (typeof id === 'number' && typeof verb === 'string')
      return { id, verb, params: 'params' in message ? message.params : {} }
  }
  throw new TypeError('a line that is no question')
}

const unknownVerb = (verb: string): NatspaceError =>
  new NatspaceError({
    code: 'BAD_REQUEST',
    exit: 2,
    what: 'cannot answer the request',
    why: 'the engine does not know what is asked',
    evidence: [verb.slice(0, 64)],
  })

const statusByCode = new Map([
  ['NOT_FOUND', 404],
  ['NO_SUCH_WALK', 404],
  ['NO_SUCH_FOLLOW', 404],
  ['NO_LAB', 404],
  ['CHANGES_NOT_ALLOWED', 403],
  ['BUSY', 503],
  ['TOO_MANY_FOLLOWS', 503],
])
const statusByExit = { 1: 500, 2: 400, 3: 409, 4: 403, 5: 503, 6: 501, 129: 500, 130: 500, 143: 500 } as const

/** The status of HTTP for a failure. */
const statusOf = ({ code, exit }: Facts): number => statusByCode.get(code) ?? statusByExit[exit]
