import { afterAll, beforeAll, expect, test } from 'bun:test'
import { connect } from 'node:net'
import fc from 'fast-check'
import { parseAnswer, requestText, sendRaw, startFront } from './front.test-support.ts'

let front: Awaited<ReturnType<typeof startFront>>
beforeAll(async () => {
  front = await startFront()
})
afterAll(async () => {
  await front.server.close()
})

/** Sends some bytes, perhaps in two pieces, and goes away, perhaps at once; returns what came until then. */
const hitAndRun = (bytes: Uint8Array, cut: number, patience: number): Promise<string> =>
  new Promise(resolve => {
    let text = ''
    const socket = connect(front.port, '127.0.0.1', () => {
      socket.write(bytes.subarray(0, cut))
      setImmediate(() => socket.write(bytes.subarray(cut)))
      setTimeout(() => socket.destroy(), patience)
    })
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(text))
  })

const isWell = async (): Promise<void> => {
  const answer = await sendRaw(
    front.port,
    requestText(front.port, 'GET /api/hello', { cookie: front.cookie }),
  )
  expect(answer.status).toBe(200)
}

const good = () => [
  requestText(front.port, 'POST /api/doctor', { cookie: front.cookie }, '{"space":"web","to":"192.0.2.1"}'),
  requestText(front.port, 'POST /api/session', {}, '{"token":"x"}'),
  requestText(front.port, 'GET /api/events', { cookie: front.cookie }),
  requestText(front.port, 'GET /', {}),
]

test('whatever bytes of a request are others, and whenever it is cut off, the server goes on', async () => {
  const change = fc.record({ at: fc.nat(1000), byte: fc.nat(255) })
  await fc.assert(
    fc.asyncProperty(
      fc.nat(3),
      fc.array(change, { maxLength: 3 }),
      fc.nat(600),
      fc.nat(600),
      fc.integer({ min: 0, max: 8 }),
      async (which, changes, length, cut, patience) => {
        const bytes = Buffer.from(good()[which] ?? '')
        for (const { at, byte } of changes) bytes[at % bytes.length] = byte
        await hitAndRun(bytes.subarray(0, length), cut, patience)
      },
    ),
    { numRuns: 300 },
  )
  await isWell()
}, 60_000)

test('no request without a session makes the engine work', async () => {
  const before = front.engine.asked.length
  const paths = [
    'hello',
    'topology',
    'spaces/web',
    'walks',
    'walks/1',
    'schema',
    'spec',
    'lab',
    'events',
    'apply',
    'plan',
  ]
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('GET', 'POST', 'DELETE', 'PUT', 'HEAD', 'PATCH'),
      fc.constantFrom(...paths),
      fc.constantFrom('{}', '{"text":""}', '{"space":"web"}', ''),
      fc.constantFrom(
        {},
        { cookie: `natspace-${front.port}=` },
        { cookie: 'natspace=x' },
        { authorization: 'Bearer x' },
      ),
      async (method, path, body, headers) => {
        const text = requestText(
          front.port,
          `${method} /api/${path}`,
          headers,
          body === '' ? undefined : body,
        )
        const { status } = await sendRaw(front.port, text)
        expect([400, 401, 405]).toContain(status)
      },
    ),
    { numRuns: 150 },
  )
  expect(front.engine.asked.length).toBe(before)
}, 60_000)

test('requests one behind the other are each judged for themselves', async () => {
  const own = requestText(front.port, 'GET /api/hello', { cookie: front.cookie, connection: 'keep-alive' })
  const other = requestText(front.port, 'GET /api/hello', {
    cookie: front.cookie,
    host: 'evil.example',
    connection: 'keep-alive',
  })
  const last = requestText(front.port, 'GET /api/hello', {})
  const raw = await sendRaw(front.port, own + other + last).then(answer => answer.raw)
  const statuses = raw.split(/(?=HTTP\/1\.1 \d)/).map(text => parseAnswer(text).status)
  expect(statuses).toEqual([200, 421, 401])
})
