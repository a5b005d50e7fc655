import type { ServerResponse } from 'node:http'
import type { ServerEvent } from '../protocol.ts'
import type { EngineClient } from './engine-client.ts'
import { securityHeaders } from './headers.ts'
import { Refusal } from './refusal.ts'

/**
 * Theory of operation. Each page that listens has a stream of server-sent events. It begins with a snapshot, which the
 * engine makes for it. A page that reads too slowly must not make this process grow: what does not fit into its buffer
 * is dropped, and once it has read again it is told how much it missed and given a new snapshot. A page that reads fast
 * enough is spared too: of walks and events it gets so many a second, and is told of the rest as a number. While nobody
 * listens the engine is told to stop, a little later, so that a page that is loaded again finds its follows.
 */

export type StreamLimits = {
  /** Streams at once. */
  streams: number
  /** Bytes that may wait for one page. */
  waiting: number
  /** Walks and events that one page is told in a second. */
  eventsPerSecond: number
  /** Milliseconds without a reader before the engine stops. */
  linger: number
  /** Milliseconds that a page may leave its stream unread before it is cut off. */
  patience: number
  /** Milliseconds between signs of life, which find out connections that are dead. */
  heartbeat: number
}

export const usualLimits: StreamLimits = {
  streams: 16,
  waiting: 1024 * 1024,
  eventsPerSecond: 500,
  linger: 10_000,
  patience: 60_000,
  heartbeat: 15_000,
}

/** The pages that listen. */
export class EventHub {
  readonly #engine: EngineClient
  readonly #limits: StreamLimits
  readonly #streams = new Set<Stream>()
  #opening = 0
  #lingering: ReturnType<typeof setTimeout> | undefined
  #started = false
  #beat: ReturnType<typeof setInterval> | undefined
  #ended = false

  constructor(engine: EngineClient, limits: StreamLimits = usualLimits) {
    this.#engine = engine
    this.#limits = limits
  }

  /** How many pages listen. */
  get size(): number {
    return this.#streams.size
  }

  /** Makes the response a stream. Throws Refusal when there are too many, and EngineFailure. */
  async open(response: ServerResponse): Promise<void> {
    if (this.#streams.size + this.#opening >= this.#limits.streams)
      throw new Refusal(503, 'TOO_MANY_PAGES', 'too many pages listen already', {
        evidence: [`${this.#streams.size} are open`],
        fix: ['close one of them'],
      })
    this.#opening += 1
    clearTimeout(this.#lingering)
    try {
      const stream = new Stream(response, this.#limits, async take => {
        await this.#engine.ask('start', {}, take)
      })
      this.#started = true
      await stream.begin(() => this.#streams.add(stream))
      response.once('close', () => {
        this.#streams.delete(stream)
        this.#restWhenAlone()
      })
      // It may have gone while the engine made its snapshot.
      if (stream.closed) this.#streams.delete(stream)
      if (this.#ended) response.end()
      this.#beat ??= setInterval(() => this.#tick(), this.#limits.heartbeat)
    } finally {
      this.#opening -= 1
      this.#restWhenAlone()
    }
  }

  /** Tells every page. */
  send(event: ServerEvent): void {
    if (this.#streams.size === 0) return
    const text = frame(event)
    const now = performance.now()
    for (const stream of this.#streams) stream.send(event.type, text, now)
  }

  /** Tells every page that this is the end, and why; nothing is sent afterwards. */
  end(why: string): void {
    this.#ended = true
    clearTimeout(this.#lingering)
    clearInterval(this.#beat)
    for (const stream of this.#streams) stream.end(frame({ type: 'end', why }))
  }

  #tick(): void {
    const now = performance.now()
    for (const stream of this.#streams) stream.tick(now)
  }

  #restWhenAlone(): void {
    if (this.#streams.size + this.#opening > 0 || this.#ended) return
    clearInterval(this.#beat)
    this.#beat = undefined
    clearTimeout(this.#lingering)
    if (!this.#started) return
    this.#lingering = setTimeout(() => {
      this.#started = false
      // When the engine cannot be asked any more, it has ended, and so will this process.
      this.#engine.ask('stop', {}).catch(() => undefined)
    }, this.#limits.linger)
  }
}

const frame = (event: ServerEvent): string => `data: ${JSON.stringify(event)}\n\n`

/** Asks for a snapshot; `take` is called with it before any later event is sent. */
type TakeSnapshot = (take: (snapshot: ServerEvent) => void) => Promise<void>

/** One page's stream. */
class Stream {
  readonly #response: ServerResponse
  readonly #limits: StreamLimits
  readonly #snapshot: TakeSnapshot
  /** Dropped since the page was told last. */
  #lost = 0
  /** Since when nothing fits any more. */
  #fullSince: number | undefined
  #catchingUp = false
  #second = 0
  #toldThisSecond = 0
  #spared = 0

  constructor(response: ServerResponse, limits: StreamLimits, snapshot: TakeSnapshot) {
    this.#response = response
    this.#limits = limits
    this.#snapshot = snapshot
    response.on('drain', () => this.#goOn())
  }

  get closed(): boolean {
    return this.#response.destroyed || this.#response.writableEnded
  }

  /** Sends the headers and the first snapshot; `open` is called then: from there on each event is for this stream, too. */
  async begin(open: () => void): Promise<void> {
    await this.#snapshot(first => {
      if (this.closed) return
      this.#response.writeHead(200, {
        ...securityHeaders,
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
      })
      this.#response.write(frame(first))
      open()
    })
  }

  send(type: ServerEvent['type'], text: string, now: number): void {
    if (this.#fullSince !== undefined) {
      this.#lost += 1
      return
    }
    if ((type === 'walk' || type === 'event') && !this.#mayTell(now)) return
    this.#write(text)
  }

  /** A sign of life, what was spared, and the end of a page that does not read. */
  tick(now: number): void {
    if (this.#fullSince === undefined) {
      this.#tellSpared()
      this.#response.write(': still here\n\n')
    } else if (now - this.#fullSince > this.#limits.patience) this.#response.destroy()
  }

  end(text: string): void {
    this.#response.end(text)
  }

  #write(text: string): void {
    this.#response.write(text)
    if (this.#response.writableLength > this.#limits.waiting) this.#fullSince = performance.now()
  }

  /** Whether one more fits into this second; tells what did not fit into the last one. */
  #mayTell(now: number): boolean {
    const second = Math.floor(now / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#toldThisSecond = 0
      this.#tellSpared()
    }
    this.#toldThisSecond += 1
    if (this.#toldThisSecond <= this.#limits.eventsPerSecond) return true
    this.#spared += 1
    return false
  }

  #tellSpared(): void {
    const spared = this.#spared
    this.#spared = 0
    if (spared > 0) this.#write(frame({ type: 'lost', what: counted(spared) }))
  }

  /** The page has read everything: it is told what it missed, and how things are now. */
  #goOn(): void {
    if (this.#fullSince === undefined || this.#catchingUp) return
    if (this.#lost === 0) {
      this.#fullSince = undefined
      return
    }
    this.#catchingUp = true
    this.#snapshot(snapshot => {
      const lost = this.#lost
      this.#lost = 0
      this.#fullSince = undefined
      this.#catchingUp = false
      if (this.closed) return
      this.#write(frame({ type: 'lost', what: counted(lost) }))
      this.#write(frame(snapshot))
      // The engine has ended, or has too much to do: the page opens a new stream when this one breaks.
    }).catch(() => this.#response.destroy())
  }
}

const counted = (events: number): string => `${events} ${events === 1 ? 'event' : 'events'}`
