import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { answer, type FrontParts, refuse } from './answer.ts'
import { Refusal } from './refusal.ts'

export type Tls = { cert: string; key: string }

/** Connections at once; a browser has six, and each page that listens keeps one. */
const mostConnections = 128
/** Milliseconds in which the headers, and the whole of a request, must have come. */
export type Patience = { headersTimeout: number; requestTimeout: number; keepAliveTimeout: number }
const usualPatience: Patience = { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 30_000 }
/** Milliseconds between looks for requests that have taken too long. */
const checkingInterval = 1000
const mostHeaderBytes = 16 * 1024
/** What is as old as TLS 1.1 is not spoken, and a greeting of TLS has as long as headers. */
const safeTls = { minVersion: 'TLSv1.2', handshakeTimeout: usualPatience.headersTimeout } as const

/** The HTTP server. It binds first, as that may take root, and answers once `serve` has told it how. */
export class FrontServer {
  readonly #server: ReturnType<typeof createServer>
  readonly #sockets = new Set<Socket>()
  #parts: FrontParts | undefined

  constructor(tls: Tls | undefined, patience = usualPatience) {
    const options = {
      ...patience,
      maxHeaderSize: mostHeaderBytes,
      connectionsCheckingInterval: checkingInterval,
    }
    const handle = (message: IncomingMessage, response: ServerResponse) => {
      void this.#handle(message, response)
    }
    this.#server =
      tls === undefined
        ? createServer(options, handle)
        : createTlsServer({ ...options, ...safeTls, cert: tls.cert, key: tls.key }, handle)
    this.#server.on('connection', (socket: Socket) => this.#keep(socket))
    this.#server.on('clientError', (_error, socket) => {
      if (socket.writable)
        socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
      else socket.destroy()
    })
  }

  /** Binds; port 0 is any free one. Returns the port. Rejects with the error of the kernel. */
  listen(address: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ host: address, port, exclusive: true }, () => {
        this.#server.off('error', reject)
        const bound = this.#server.address()
        resolve(typeof bound === 'object' && bound !== null ? bound.port : port)
      })
    })
  }

  /** Answers from now on. */
  serve(parts: FrontParts): void {
    this.#parts = parts
  }

  /** Ends every connection, those that are at work a moment later. */
  async close(): Promise<void> {
    this.#server.close()
    this.#server.closeIdleConnections()
    await delay(100)
    for (const socket of this.#sockets) socket.destroy()
  }

  #keep(socket: Socket): void {
    if (this.#sockets.size >= mostConnections) {
      socket.destroy()
      return
    }
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
  }

  async #handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
    // Somebody went away in the middle: nothing is left to be told to him.
    response.on('error', () => undefined)
    message.on('error', () => undefined)
    try {
      if (this.#parts === undefined) throw new Refusal(503, 'NOT_READY', 'it is still starting')
      const { method = '', url: target = '', rawHeaders } = message
      await answer({ message, response, request: { method, target, rawHeaders }, parts: this.#parts })
    } catch (error) {
      if (response.headersSent) response.destroy()
      else refuse(message, response, error)
    }
  }
}
