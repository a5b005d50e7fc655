import { expect, test } from 'bun:test'
import { connect, type Socket } from 'node:net'
import type { ServerEvent } from '../protocol.ts'
import { requestText, sendRaw, startFront } from './front.test-support.ts'

type Front = Awaited<ReturnType<typeof startFront>>

/** A page that listens: what it has read so far. */
const listen = (front: Front, changes: Record<string, string> = {}) => {
  let text = ''
  let closed = false
  const socket = connect(front.port, '127.0.0.1', () =>
    socket.write(
      requestText(front.port, 'GET /api/events', {
        cookie: front.cookie,
        connection: 'keep-alive',
        ...changes,
      }),
    ),
  )
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8')
  })
  socket.on('error', () => undefined)
  socket.on('close', () => {
    closed = true
  })
  const events = (): ServerEvent[] =>
    text
      .split('\n')
      .flatMap(line => (line.startsWith('data: {') && line.endsWith('}') ? [JSON.parse(line.slice(6))] : []))
  return { socket, events, text: () => text, closed: () => closed }
}

const until = async (isSo: () => boolean): Promise<void> => {
  for (let turn = 0; turn < 2000; turn++) {
    if (isSo()) return
    await new Promise(resolve => setTimeout(resolve, 5))
  }
  throw new Error('it did not become so within 10 s')
}

const types = (events: ServerEvent[]): string[] => events.map(({ type }) => type)
/** How many events a page was told that it missed. */
const lostIn = (events: ServerEvent[]): number =>
  events.reduce((sum, event) => sum + (event.type === 'lost' ? Number.parseInt(event.what, 10) : 0), 0)
const walk = (id: number): ServerEvent => ({
  type: 'walk',
  follow: 'f',
  walk: {
    id: String(id),
    time: 0,
    space: 'web',
    direction: 'out',
    protocol: 'tcp',
    title: 'x',
    outcome: 'delivered',
    reason: '',
  } as Extract<ServerEvent, { type: 'walk' }>['walk'],
})
const topologyOf = (size: number): ServerEvent => ({
  type: 'topology',
  topology: {
    nodes: [{ id: 'n', kind: 'space', name: 'x'.repeat(size), lines: [] }],
    edges: [],
    ports: [],
    time: 0,
  },
})
const close = async (front: Front, ...sockets: Socket[]): Promise<void> => {
  for (const socket of sockets) socket.destroy()
  await front.server.close()
  front.hub.end('the test is over')
}

test('a stream begins with the snapshot, and every page is told what follows', async () => {
  const front = await startFront()
  const [first, second] = [listen(front), listen(front, { origin: `http://127.0.0.1:${front.port}` })]
  await until(() => first.events().length === 1 && second.events().length === 1)
  expect(types(first.events())).toEqual(['snapshot'])
  expect(first.text()).toMatch(/^HTTP\/1\.1 200 /)
  expect(first.text().toLowerCase()).toContain('\r\ncontent-type: text/event-stream; charset=utf-8\r\n')
  expect(first.text().toLowerCase()).toContain('\r\nx-frame-options: deny\r\n')
  front.engine.channel.push(topologyOf(1))
  await until(() => first.events().length === 2 && second.events().length === 2)
  expect(types(second.events())).toEqual(['snapshot', 'topology'])
  await close(front, first.socket, second.socket)
})

test('an event that is pushed right after the snapshot is not missed', async () => {
  let push: (event: ServerEvent) => unknown = () => undefined
  const front = await startFront(
    {},
    {
      handlers: {
        start: () => {
          queueMicrotask(() => queueMicrotask(() => push(topologyOf(1))))
          return {
            type: 'snapshot',
            topology: { nodes: [], edges: [], ports: [], time: 0 },
            walks: [],
            follows: [],
          }
        },
      },
    },
  )
  push = event => front.engine.channel.push(event)
  const page = listen(front)
  await until(() => page.events().length === 2)
  expect(types(page.events())).toEqual(['snapshot', 'topology'])
  await close(front, page.socket)
})

test('the engine stops when nobody listens, and not while a page is loaded again', async () => {
  const front = await startFront({}, { limits: { linger: 50 } })
  const verbs = () => front.engine.asked.map(([verb]) => verb)
  const page = listen(front)
  await until(() => page.events().length === 1)
  page.socket.destroy()
  const again = listen(front)
  await until(() => again.events().length === 1)
  again.socket.destroy()
  await until(() => verbs().includes('stop'))
  expect(verbs()).toEqual(['start', 'start', 'stop'])
  expect(front.hub.size).toBe(0)
  await close(front)
})

test('one stream too many is refused', async () => {
  const front = await startFront({}, { limits: { streams: 2 } })
  const pages = [listen(front), listen(front)]
  await until(() => pages.every(page => page.events().length === 1))
  const refused = await sendRaw(
    front.port,
    requestText(front.port, 'GET /api/events', { cookie: front.cookie }),
  )
  expect(refused.status).toBe(503)
  expect(refused.body).toContain('TOO_MANY_PAGES')
  await close(front, ...pages.map(page => page.socket))
})

test('a page that does not read costs no memory; when it reads again it is told what it missed, and how things are', async () => {
  const front = await startFront({}, { limits: { waiting: 64 * 1024 } })
  const page = listen(front)
  await until(() => page.events().length === 1)
  page.socket.pause()
  const event = topologyOf(100_000)
  const resident = () => {
    // What other tests of this process have left is none of this one's.
    Bun.gc(true)
    return process.memoryUsage().rss
  }
  const before = resident()
  // Far more than the buffers of both sockets hold: 400 MB.
  for (let turn = 0; turn < 4000; turn++) {
    front.hub.send(event)
    if (turn % 100 === 0) await new Promise(resolve => setImmediate(resolve))
  }
  expect(resident() - before).toBeLessThan(200 * 1024 * 1024)
  page.socket.resume()
  const told = () => types(page.events()).filter(type => type === 'topology').length
  await until(() => told() + lostIn(page.events()) === 4000)
  expect(lostIn(page.events())).toBeGreaterThan(3000)
  await until(() => page.events().at(-1)?.type === 'snapshot')
  front.hub.send(topologyOf(1))
  await until(() => page.events().at(-1)?.type === 'topology')
  await close(front, page.socket)
})

test('a page that never reads again is cut off', async () => {
  const front = await startFront({}, { limits: { waiting: 1024, patience: 50, heartbeat: 20 } })
  const page = listen(front)
  await until(() => page.events().length === 1)
  page.socket.pause()
  await until(() => {
    front.hub.send(topologyOf(100_000))
    return front.hub.size === 0
  })
  await close(front, page.socket)
})

test('of ten thousand walks in a second a page gets some hundreds, and the number of the others', async () => {
  const front = await startFront({}, { limits: { heartbeat: 1200 } })
  const page = listen(front)
  await until(() => page.events().length === 1)
  for (let id = 0; id < 10_000; id++) front.hub.send(walk(id))
  const told = () => types(page.events()).filter(type => type === 'walk').length
  await until(() => told() + lostIn(page.events()) === 10_000)
  expect(told()).toBeGreaterThanOrEqual(500)
  expect(told()).toBeLessThan(5000)
  await close(front, page.socket)
})

test('the end is told', async () => {
  const front = await startFront()
  const page = listen(front)
  await until(() => page.events().length === 1)
  front.hub.end('the test wants it')
  await until(() => page.events().length === 2)
  expect(page.events().at(-1)).toEqual({ type: 'end', why: 'the test wants it' })
  await close(front, page.socket)
})

test('signs of life are comments', async () => {
  const front = await startFront({}, { limits: { heartbeat: 20 } })
  const page = listen(front)
  await until(() => page.text().includes('\n: still here\n'))
  expect(types(page.events())).toEqual(['snapshot'])
  await close(front, page.socket)
})

test('a stream whose snapshot fails is an answer that says why', async () => {
  const front = await startFront(
    {},
    {
      handlers: {
        start: () => {
          throw new Error('no kernel')
        },
      },
    },
  )
  const answer = await sendRaw(
    front.port,
    requestText(front.port, 'GET /api/events', { cookie: front.cookie }),
  )
  expect(answer.status).toBe(500)
  expect(answer.body).toContain('no kernel')
  await close(front)
})
