import { SystemError } from '../../linux/sys/errno.ts'
import { openNamespace } from '../../linux/sys/namespace.ts'
import { waitReadable } from '../../linux/sys/poll.ts'
import { Socket } from '../../linux/sys/socket.ts'

/** Questions to a resolver from a namespace, all at once and from one port. */
export type NameQuestions = {
  path: string
  /** The address of the resolver. */
  server: string
  /** Kinds of records (RFC 1035 section 3.2.2). */
  types: readonly number[]
}

/** A and AAAA: what programs ask for at the same time. */
export const both = [1, 28] as const

/** The beginning of the identifiers; the place of the question is added. */
const firstId = 0x4e53

/** A question about the root (RFC 1035 section 4): every resolver knows an answer, or says that it has none. */
const questionOf = (id: number, type: number): Uint8Array =>
  Uint8Array.from([id >> 8, id & 0xff, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, type, 0, 1])

/**
 * Asks several resolvers at the same time, and waits until all have answered or `milliseconds` are over. Returns for each
 * `answered`, `one of two answered`, or what came instead. Throws NamespaceError.
 */
export const askAll = (questions: readonly NameQuestions[], milliseconds: number): string[] => {
  const asked = questions.map(question => Asked.ask(question))
  try {
    const end = performance.now() + milliseconds
    for (;;) {
      const waiting = asked.filter(item => item.isWaiting)
      const left = end - performance.now()
      if (waiting.length === 0 || left <= 0) return asked.map(item => item.outcome(milliseconds))
      waitReadable(
        waiting.map(item => item.descriptor),
        left,
      )
      for (const item of waiting) item.read()
    }
  } finally {
    for (const item of asked) item.close()
  }
}

class Asked {
  readonly #socket: Socket
  readonly #open: Set<number>
  readonly #count: number
  #error: SystemError | undefined

  private constructor(socket: Socket, count: number) {
    this.#socket = socket
    this.#count = count
    this.#open = new Set(Array.from({ length: count }, (_, place) => firstId + place))
  }

  static ask({ path, server, types }: NameQuestions): Asked {
    using namespace = openNamespace(path)
    const family = server.includes(':') ? 6 : 4
    const asked = new Asked(Socket.open('udp', { namespace: namespace.number, family }), types.length)
    asked.#attempt(socket => {
      socket.startConnect({ address: server, port: 53 })
      for (const [place, type] of types.entries()) socket.send(questionOf(firstId + place, type))
    })
    return asked
  }

  get descriptor(): number {
    return this.#socket.descriptor
  }

  get isWaiting(): boolean {
    return this.#open.size > 0 && this.#error === undefined
  }

  /** Takes what has come. */
  read(): void {
    this.#attempt(socket => {
      for (let received = socket.receive(0); received !== undefined; received = socket.receive(0)) {
        const [high = 0, low = 0] = received.bytes
        this.#open.delete(high * 256 + low)
      }
    })
  }

  outcome(milliseconds: number): string {
    if (this.#error !== undefined) return `${this.#error.call}: ${this.#error.code}`
    if (this.#open.size === 0) return 'answered'
    return this.#open.size < this.#count ? 'one of two answered' : `no answer in ${milliseconds} ms`
  }

  close(): void {
    this.#socket.close()
  }

  #attempt(use: (socket: Socket) => void): void {
    try {
      use(this.#socket)
    } catch (error) {
      if (!(error instanceof SystemError)) throw error
      this.#error = error
    }
  }
}
