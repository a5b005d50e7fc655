import { connect } from 'node:net'
import { PassThrough } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { NatspaceError } from '../../space/errors.ts'
import type { EngineChannel, Handlers, Snapshot } from '../channel.ts'
import { openEngineChannel } from '../engine-channel.ts'
import type { Hello, Topology } from '../protocol.ts'
import type { FrontParts } from './answer.ts'
import { WrongSecrets } from './auth.ts'
import { Door } from './door.ts'
import { EngineClient } from './engine-client.ts'
import { EventHub, type StreamLimits, usualLimits } from './events.ts'
import { allowedHosts } from './origin.ts'
import type { Page } from './page.ts'
import { FrontServer, type Patience } from './server.ts'

export const hello: Hello = {
  protocolVersion: 1,
  version: '0',
  mode: 'lab',
  allowChanges: true,
  host: 'host1',
  kernel: '6.1',
  lacking: [],
}
export const topology: Topology = { nodes: [], edges: [], ports: [], time: 0 }

/** An engine that knows nothing; every question is noted. */
export const fakeEngine = (given: Partial<Handlers> = {}) => {
  const toEngine = new PassThrough()
  const toFront = new PassThrough()
  const asked: [verb: string, params: unknown][] = []
  const channel: EngineChannel = openEngineChannel(toEngine, toFront, error => {
    if (error instanceof NatspaceError) {
      const { code, exit, what, why, evidence, fix } = error
      return { code, exit, what, why, evidence, fix }
    }
    return { code: 'INTERNAL', exit: 1, what: 'failed', why: String(error), evidence: [], fix: [] }
  })
  const snapshot: Snapshot = { type: 'snapshot', topology, walks: [], follows: [] }
  const known: Partial<Handlers> = {
    hello: () => hello,
    topology: () => topology,
    start: () => snapshot,
    stop: () => ({}),
    unfollow: () => ({}),
    ...given,
  }
  const handlers = new Proxy({} as Handlers, {
    get:
      (_, verb: keyof Handlers) =>
      (params: never): unknown => {
        asked.push([verb, params])
        const handler = known[verb] as ((params: never) => unknown) | undefined
        return handler === undefined ? { verb, params } : handler(params)
      },
  })
  const served = channel.serve(handlers)
  return { client: new EngineClient(toFront, toEngine), channel, asked, served, toFront, toEngine }
}

const file = (
  text: string,
  type: string,
  forever: boolean,
): Page extends ReadonlyMap<string, infer F> ? F : never => ({
  type,
  etag: `"${text.length}"`,
  gzip: gzipSync(text),
  plain: () => Buffer.from(text),
  forever,
})
export const page: Page = new Map([
  ['/', file('<!doctype html>', 'text/html; charset=utf-8', false)],
  ['/assets/a.js', file('export {}', 'text/javascript; charset=utf-8', true)],
])

/** A server on a free port, with all that it works with. */
export const startFront = async (
  parts: Partial<FrontParts> = {},
  {
    handlers = {},
    limits = {},
    patience,
  }: { handlers?: Partial<Handlers>; limits?: Partial<StreamLimits>; patience?: Patience } = {},
) => {
  const engine = fakeEngine(handlers)
  const hub = new EventHub(engine.client, { ...usualLimits, ...limits })
  engine.client.onEvent = event => hub.send(event)
  const door = new Door()
  const server = new FrontServer(undefined, patience)
  const port = await server.listen('127.0.0.1', 0)
  const site = { address: '127.0.0.1', port, tls: false, names: [] }
  server.serve({
    allowed: { hosts: allowedHosts(site), scheme: 'http' },
    port,
    tls: false,
    engine: engine.client,
    hub,
    door,
    page,
    allowChanges: true,
    secret: undefined,
    wrongSecrets: new WrongSecrets(),
    onSession: () => undefined,
    ...parts,
  })
  return {
    server,
    port,
    door,
    hub,
    engine,
    cookie: `natspace-${port}=${door.newSession(process.getuid?.())}`,
  }
}

/** One answer, as it came. */
export type RawAnswer = { status: number; headers: Record<string, string>; body: string; raw: string }

/** Sends bytes as they stand, and reads until the server closes: Host and everything else can be forged. */
export const sendRaw = (port: number, text: string | Uint8Array, address = '127.0.0.1'): Promise<RawAnswer> =>
  new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = []
    const socket = connect(port, address, () => socket.write(text))
    socket.setTimeout(10_000, () => socket.destroy(new Error('no answer within 10 s')))
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.once('error', reject)
    socket.once('close', () => resolve(parseAnswer(Buffer.concat(chunks).toString('latin1'))))
  })

export const parseAnswer = (raw: string): RawAnswer => {
  const end = raw.indexOf('\r\n\r\n')
  const [first = '', ...lines] = raw.slice(0, end < 0 ? raw.length : end).split('\r\n')
  const headers = Object.fromEntries(
    lines.map(line => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 1).trim(),
    ]),
  )
  return { status: Number(first.split(' ')[1] ?? 0), headers, body: end < 0 ? '' : raw.slice(end + 4), raw }
}

/** A request of our own page, but for what `changes` says; null leaves a header out. */
export const requestText = (
  port: number,
  line: string,
  changes: Record<string, string | null> = {},
  body?: string,
): string => {
  const isRead = /^(?:GET|HEAD) /.test(line)
  const headers: Record<string, string | null> = {
    host: `127.0.0.1:${port}`,
    ...(isRead ? {} : { origin: `http://127.0.0.1:${port}` }),
    ...(body === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
    connection: 'close',
    ...changes,
  }
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    value === null ? [] : [`${name}: ${value}`],
  )
  return `${[`${line} HTTP/1.1`, ...lines].join('\r\n')}\r\n\r\n${body ?? ''}`
}
