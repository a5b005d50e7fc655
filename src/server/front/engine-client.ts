import type { Readable, Writable } from 'node:stream'
import type { ErrorFacts } from '../../space/errors.ts'
import type { Answer, Params, Result, Verb } from '../channel.ts'
import { LineReader, toLine } from '../lines.ts'
import type { Failure, ServerEvent } from '../protocol.ts'

/** Bytes of the longest answer: a walk, with the rules of the whole host. */
const longestAnswer = 64 * 1024 * 1024
/** Questions that may wait for their answers at once. */
const mostWaiting = 64

/** What the engine answered instead of a result; `status` is that of HTTP. */
export class EngineFailure extends Error {
  override readonly name = 'EngineFailure'
  readonly failure: Failure['error']
  readonly status: number

  constructor(failure: Failure['error'], status: number) {
    super(`${failure.what}: ${failure.why}`)
    this.failure = failure
    this.status = status
  }
}

type Waiting = { resolve(result: unknown): void; reject(error: EngineFailure): void }

/** The front's end of the pipe to the engine. */
export class EngineClient {
  readonly #output: Writable
  readonly #waiting = new Map<number, Waiting>()
  #next = 1
  #gone = false
  /** What the engine said about why it ends. */
  lastWords: ErrorFacts | undefined
  /** Called with each event that the engine pushes. */
  onEvent: (event: ServerEvent) => void = () => undefined
  /** Called once, when the pipe has ended or makes no sense any more. */
  onEnd: (why: string) => void = () => undefined

  constructor(input: Readable, output: Writable) {
    this.#output = output
    const reader = new LineReader(longestAnswer, line => this.#take(JSON.parse(line)))
    input.on('data', (chunk: Uint8Array) => {
      if (this.#gone) return
      try {
        reader.feed(chunk)
      } catch (error) {
        this.#end(`the engine does not speak as it should: ${String(error)}`)
      }
    })
    input.once('end', () => this.#end('the engine has ended'))
    input.once('error', error => this.#end(`the engine cannot be heard: ${error.message}`))
    output.on('error', error => this.#end(`the engine does not listen: ${error.message}`))
  }

  /**
   * Asks the engine. Rejects with EngineFailure: what the engine says, ENGINE_BUSY (503) or ENGINE_GONE (502). `atOnce`
   * is called with the result before any event that the engine pushed after it.
   */
  ask<V extends Verb>(verb: V, params: Params<V>, atOnce?: (result: Result<V>) => void): Promise<Result<V>> {
    return this.askUnchecked(verb, params, atOnce as (result: unknown) => void) as Promise<Result<V>>
  }

  /** As `ask`, with what a page has sent: the engine checks it. */
  askUnchecked(
    verb: Verb,
    params: unknown,
    atOnce: (result: unknown) => void = () => undefined,
  ): Promise<unknown> {
    if (this.#gone) return Promise.reject(gone())
    if (this.#waiting.size >= mostWaiting) return Promise.reject(busy())
    const id = this.#next++
    return new Promise((resolve, reject) => {
      const take = (result: unknown) => {
        atOnce(result)
        resolve(result)
      }
      this.#waiting.set(id, { resolve: take, reject })
      this.#output.write(toLine({ id, verb, params }))
    })
  }

  /** Closes the pipe; the engine ends then. */
  close(): void {
    this.#output.end()
  }

  #take(answer: Answer): void {
    if ('event' in answer) {
      this.onEvent(answer.event)
      return
    }
    if ('lastWords' in answer) {
      this.lastWords = answer.lastWords
      return
    }
    const waiting = this.#waiting.get(answer.id)
    if (waiting === undefined) return
    this.#waiting.delete(answer.id)
    if ('failure' in answer) waiting.reject(new EngineFailure(answer.failure, answer.status))
    else waiting.resolve(answer.result)
  }

  #end(why: string): void {
    if (this.#gone) return
    this.#gone = true
    this.onEnd(why)
    for (const { reject } of this.#waiting.values()) reject(gone())
    this.#waiting.clear()
  }
}

const gone = (): EngineFailure =>
  new EngineFailure(
    {
      code: 'ENGINE_GONE',
      what: 'cannot answer',
      why: 'the part of natspace that speaks to the kernel has ended',
      evidence: [],
      fix: ['start natspace ui again'],
    },
    502,
  )

const busy = (): EngineFailure =>
  new EngineFailure(
    {
      code: 'ENGINE_BUSY',
      what: 'cannot answer now',
      why: 'too many questions wait for their answers',
      evidence: [`${mostWaiting} are waiting`],
      fix: ['try again in a moment'],
    },
    503,
  )
