import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { connect } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { digest } from './door.ts'
import { hello, type RawAnswer, requestText, sendRaw, startFront } from './front.test-support.ts'

let front: Awaited<ReturnType<typeof startFront>>
beforeAll(async () => {
  front = await startFront()
})
afterAll(async () => {
  await front.server.close()
})

type Changes = Record<string, string | null>
const ask = (line: string, changes: Changes = {}, body?: string): Promise<RawAnswer> =>
  sendRaw(front.port, requestText(front.port, line, { cookie: front.cookie, ...changes }, body))
const codeOf = ({ body }: RawAnswer): string => JSON.parse(body).error.code

describe('what is answered', () => {
  test('hello, with a session', async () => {
    const answer = await ask('GET /api/hello')
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.body)).toEqual(hello)
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(answer.headers['content-type']).toBe('application/json')
  })

  test('a name in the path, and a body, reach the engine as they are', async () => {
    expect(JSON.parse((await ask('GET /api/spaces/a%2Fb')).body)).toEqual({
      verb: 'space',
      params: { name: 'a/b' },
    })
    const probe = { space: 'web', to: '192.0.2.1:80/tcp', timeout: 5 }
    expect(JSON.parse((await ask('POST /api/walks', {}, JSON.stringify(probe))).body)).toEqual({
      verb: 'walk',
      params: probe,
    })
  })

  test('a follow is ended without a body in the answer', async () => {
    const answer = await ask('DELETE /api/follows/f1')
    expect([answer.status, answer.body]).toEqual([204, ''])
    expect(front.engine.asked).toContainEqual(['unfollow', { id: 'f1' }])
  })

  test('by the name localhost as well', async () => {
    const own = { host: `LocalHost:${front.port}`, origin: `http://localhost:${front.port}` }
    expect((await ask('POST /api/doctor', own, '{"space":"web"}')).status).toBe(200)
  })

  test('the page needs no session, and is sent packed where that is understood', async () => {
    const plain = await ask('GET /', { cookie: null })
    expect([plain.status, plain.body]).toEqual([200, '<!doctype html>'])
    expect(plain.headers['cache-control']).toBe('no-cache')
    const packed = await ask('GET /?lang=zh', { cookie: null, 'accept-encoding': 'br, gzip;q=0.5' })
    expect(packed.headers['content-encoding']).toBe('gzip')
    expect(gunzipSync(Buffer.from(packed.body, 'latin1')).toString()).toBe('<!doctype html>')
    expect(
      (await ask('GET /', { 'accept-encoding': 'gzip;q=0' })).headers['content-encoding'],
    ).toBeUndefined()
  })

  test('a file that the browser has is not sent again', async () => {
    const { etag = '' } = (await ask('GET /assets/a.js')).headers
    const again = await ask('GET /assets/a.js', { 'if-none-match': etag })
    expect([again.status, again.body]).toEqual([304, ''])
    expect(again.headers['cache-control']).toContain('immutable')
  })

  test('HEAD of a file has its headers alone', async () => {
    const answer = await ask('HEAD /')
    expect([answer.status, answer.body, answer.headers['content-length']]).toEqual([200, '', '15'])
  })
})

describe('what every answer carries', () => {
  const lines = ['GET /', 'GET /api/hello', 'GET /nothing', 'POST /api/hello', 'DELETE /api/follows/x']
  for (const line of lines)
    test(line, async () => {
      const { headers } = await ask(line)
      expect(headers['content-security-policy']).toBe(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'",
      )
      expect(headers['x-frame-options']).toBe('DENY')
      expect(headers['x-content-type-options']).toBe('nosniff')
      expect(headers['referrer-policy']).toBe('no-referrer')
      expect(headers['cross-origin-opener-policy']).toBe('same-origin')
      expect(headers['cross-origin-resource-policy']).toBe('same-origin')
      expect(Object.keys(headers).filter(name => name.startsWith('access-control'))).toEqual([])
      expect(headers.server).toBeUndefined()
    })
})

describe('what is refused', () => {
  const cases: [string, number, string, () => Promise<RawAnswer>][] = [
    ['no session', 401, 'NO_SESSION', () => ask('GET /api/hello', { cookie: null })],
    ['a session of another port', 401, 'NO_SESSION', () => ask('GET /api/hello', { cookie: 'natspace-1=x' })],
    [
      'two sessions',
      401,
      'NO_SESSION',
      () => ask('GET /api/hello', { cookie: `${front.cookie}; ${front.cookie}` }),
    ],
    ['no events without session', 401, 'NO_SESSION', () => ask('GET /api/events', { cookie: null })],
    ['another host', 421, 'WRONG_HOST', () => ask('GET /api/hello', { host: `evil.example:${front.port}` })],
    [
      'a host that begins like ours',
      421,
      'WRONG_HOST',
      () => ask('GET /', { host: `127.0.0.1.evil.example:${front.port}` }),
    ],
    [
      'a host that ends like ours',
      421,
      'WRONG_HOST',
      () => ask('GET /', { host: `x127.0.0.1:${front.port}` }),
    ],
    ['another port', 421, 'WRONG_HOST', () => ask('GET /', { host: '127.0.0.1:1' })],
    ['no port', 421, 'WRONG_HOST', () => ask('GET /', { host: '127.0.0.1' })],
    [
      'another spelling of the address',
      421,
      'WRONG_HOST',
      () => ask('GET /', { host: `2130706433:${front.port}` }),
    ],
    ['IPv6, which is not bound', 421, 'WRONG_HOST', () => ask('GET /', { host: `[::1]:${front.port}` })],
    ['a user in the host', 421, 'WRONG_HOST', () => ask('GET /', { host: `a@127.0.0.1:${front.port}` })],
    [
      'a target that names a host',
      400,
      'BAD_REQUEST',
      () => ask(`GET http://127.0.0.1:${front.port}/api/hello`),
    ],
    ['a target that a browser takes for a host', 400, 'BAD_REQUEST', () => ask('GET //evil.example/')],
    [
      'another origin',
      403,
      'WRONG_ORIGIN',
      () => ask('POST /api/doctor', { origin: 'http://evil.example' }, '{}'),
    ],
    ['the origin of a sandbox', 403, 'WRONG_ORIGIN', () => ask('POST /api/doctor', { origin: 'null' }, '{}')],
    [
      'our origin with TLS',
      403,
      'WRONG_ORIGIN',
      () => ask('POST /api/doctor', { origin: `https://127.0.0.1:${front.port}` }, '{}'),
    ],
    [
      'our origin under another name',
      403,
      'WRONG_ORIGIN',
      () => ask('POST /api/doctor', { origin: `http://localhost:${front.port}` }, '{}'),
    ],
    ['no origin', 403, 'WRONG_ORIGIN', () => ask('POST /api/doctor', { origin: null }, '{}')],
    [
      'no origin where something is deleted',
      403,
      'WRONG_ORIGIN',
      () => ask('DELETE /api/follows/a', { origin: null }),
    ],
    [
      'events for another origin',
      403,
      'WRONG_ORIGIN',
      () => ask('GET /api/events', { origin: 'http://evil.example' }),
    ],
    [
      'a read that another site asks for',
      403,
      'WRONG_ORIGIN',
      () => ask('GET /api/hello', { 'sec-fetch-site': 'cross-site' }),
    ],
    [
      'a read that a neighbour port asks for',
      403,
      'WRONG_ORIGIN',
      () => ask('GET /api/events', { 'sec-fetch-site': 'same-site' }),
    ],
    [
      'a form that somebody typed',
      403,
      'WRONG_ORIGIN',
      () => ask('POST /api/doctor', { 'sec-fetch-site': 'none' }, '{}'),
    ],
    [
      'our page in another one’s frame',
      403,
      'WRONG_ORIGIN',
      () =>
        ask('GET /', {
          'sec-fetch-site': 'cross-site',
          'sec-fetch-mode': 'navigate',
          'sec-fetch-dest': 'iframe',
        }),
    ],
    ['a form', 415, 'BAD_REQUEST', () => ask('POST /api/doctor', { 'content-type': 'text/plain' }, '{}')],
    [
      'a type that begins like JSON',
      415,
      'BAD_REQUEST',
      () => ask('POST /api/doctor', { 'content-type': 'application/jsonx' }, '{}'),
    ],
    [
      'a type that ends like JSON',
      415,
      'BAD_REQUEST',
      () => ask('POST /api/doctor', { 'content-type': 'text/x-application/json' }, '{}'),
    ],
    ['no type', 415, 'BAD_REQUEST', () => ask('POST /api/doctor', { 'content-type': null }, '{}')],
    ['no JSON', 400, 'BAD_REQUEST', () => ask('POST /api/doctor', {}, '{')],
    ['a list', 400, 'BAD_REQUEST', () => ask('POST /api/doctor', {}, '[]')],
    [
      'another field than the engine knows',
      400,
      'BAD_REQUEST',
      () => ask('POST /api/doctor', {}, '{"space":"a","evil":1}'),
    ],
    [
      'another type than the engine reads',
      400,
      'BAD_REQUEST',
      () => ask('POST /api/doctor', {}, '{"space":{}}'),
    ],
    [
      'a long wait',
      400,
      'BAD_REQUEST',
      () => ask('POST /api/walks', {}, '{"space":"a","to":"b","timeout":10001}'),
    ],
    [
      'a body that is too long',
      413,
      'REQUEST_TOO_LONG',
      () => ask('POST /api/doctor', {}, `"${'x'.repeat(20_000)}"`),
    ],
    [
      'a body that says it is',
      413,
      'REQUEST_TOO_LONG',
      () => ask('POST /api/doctor', { 'content-length': '99999999' }, '{'),
    ],
    ['a path that there is not', 404, 'NOT_FOUND', () => ask('GET /api/nothing')],
    ['a file that there is not', 404, 'NOT_FOUND', () => ask('GET /../package.json')],
    ['a path with more segments', 404, 'NOT_FOUND', () => ask('GET /api/spaces/a/b')],
    ['an escape that is none', 400, 'BAD_REQUEST', () => ask('GET /api/spaces/%E0%A4%A')],
    ['PUT', 405, 'METHOD_NOT_ALLOWED', () => ask('PUT /api/spec', {}, '{}')],
    [
      'OPTIONS, as before a request of another site',
      405,
      'METHOD_NOT_ALLOWED',
      () => ask('OPTIONS /api/apply', { 'access-control-request-method': 'POST' }),
    ],
    ['TRACE', 405, 'METHOD_NOT_ALLOWED', () => ask('TRACE /api/hello')],
    ['POST of the page', 405, 'METHOD_NOT_ALLOWED', () => ask('POST /', {}, '{}')],
  ]
  for (const [what, status, code, send] of cases)
    test(what, async () => {
      const answer = await send()
      expect([answer.status, codeOf(answer)]).toEqual([status, code])
    })

  test('a body that is too long and does not say so', async () => {
    const head = requestText(front.port, 'POST /api/doctor', {
      cookie: front.cookie,
      'content-type': 'application/json',
      'transfer-encoding': 'chunked',
    })
    const chunk = `1000\r\n${'x'.repeat(0x1000)}\r\n`
    const answer = await sendRaw(front.port, `${head}${chunk.repeat(5)}`)
    expect([answer.status, codeOf(answer)]).toEqual([413, 'REQUEST_TOO_LONG'])
  })

  test('a body that is no UTF-8', async () => {
    const head = requestText(front.port, 'POST /api/doctor', {
      cookie: front.cookie,
      'content-type': 'application/json',
      'content-length': '4',
    })
    const answer = await sendRaw(
      front.port,
      Buffer.concat([Buffer.from(head), Uint8Array.of(0x22, 0xff, 0xfe, 0x22)]),
    )
    expect([answer.status, codeOf(answer)]).toEqual([400, 'BAD_REQUEST'])
    expect(answer.body).toContain('no JSON')
  })

  test('what cannot be done there is told', async () => {
    expect((await ask('PUT /api/walks')).headers.allow).toBe('GET, POST')
  })

  for (const path of [
    '/api/session',
    '/api/apply',
    '/api/remove',
    '/api/plan',
    '/api/doctor',
    '/api/follows',
  ])
    test(`GET ${path} does nothing`, async () => {
      const before = front.engine.asked.length
      expect((await ask(`GET ${path}`)).status).toBe(405)
      expect(front.engine.asked.length).toBe(before)
    })

  test('a header that comes twice', async () => {
    const twice = (name: string, value: string, line = 'GET /api/hello') =>
      sendRaw(
        front.port,
        requestText(front.port, line, { cookie: front.cookie }).replace('\r\n', `\r\n${name}: ${value}\r\n`),
      )
    expect((await twice('Host', `127.0.0.1:${front.port}`)).status).toBe(400)
    expect((await twice('Cookie', front.cookie)).status).toBe(400)
    expect((await twice('Origin', 'http://evil.example', 'DELETE /api/follows/x')).status).toBe(400)
  })

  test('no Host at all, and two lengths', async () => {
    expect((await ask('GET /api/hello', { host: null })).status).toBe(400)
    expect((await ask('POST /api/doctor', { 'transfer-encoding': 'chunked' }, '{}')).status).toBe(400)
  })

  test('changes, where they are not allowed', async () => {
    const looking = await startFront({ allowChanges: false })
    for (const [path, body] of [
      ['/api/apply', '{"text":""}'],
      ['/api/remove', '{"names":["a"]}'],
    ] as const) {
      const answer = await sendRaw(
        looking.port,
        requestText(looking.port, `POST ${path}`, { cookie: looking.cookie }, body),
      )
      expect([answer.status, codeOf(answer)]).toEqual([403, 'CHANGES_NOT_ALLOWED'])
    }
    expect(looking.engine.asked).toEqual([])
    await looking.server.close()
  })
})

describe('a link that somebody followed', () => {
  const navigation = {
    'sec-fetch-site': 'cross-site',
    'sec-fetch-mode': 'navigate',
    'sec-fetch-dest': 'document',
  }
  test('opens the page', async () => {
    expect((await ask('GET /?lang=en', navigation)).status).toBe(200)
  })
  test('opens nothing else', async () => {
    expect((await ask('GET /api/hello', navigation)).status).toBe(403)
  })
})

describe('where a secret is demanded', () => {
  test('nothing is answered without it, and after ten wrong ones nothing at all', async () => {
    const guarded = await startFront({ secret: { bearer: digest('0123456789abcdef') } })
    const send = (line: string, changes: Changes) =>
      sendRaw(guarded.port, requestText(guarded.port, line, { cookie: guarded.cookie, ...changes }))
    const authorization = 'Bearer 0123456789abcdef'
    for (const line of ['GET /', 'GET /api/hello', 'GET /api/events', 'GET /nothing']) {
      const answer = await send(line, {})
      expect([answer.status, codeOf(answer)]).toEqual([401, 'WRONG_SECRET'])
      expect(answer.headers['www-authenticate']).toBe('Bearer realm="natspace"')
    }
    expect((await send('GET /', { authorization })).status).toBe(200)
    expect((await send('GET /api/hello', { authorization })).status).toBe(200)
    expect((await send('GET /api/hello', { authorization, cookie: null })).status).toBe(401)
    await Promise.all(Array.from({ length: 10 }, () => send('GET /', { authorization: 'Bearer wrong' })))
    expect((await send('GET /', { authorization })).status).toBe(429)
    await guarded.server.close()
  })
})

describe('the token', () => {
  const enter = (token: unknown, changes: Changes = {}) =>
    ask('POST /api/session', { cookie: null, ...changes }, JSON.stringify({ token }))

  test('opens once', async () => {
    const token = front.door.newToken()
    const answer = await enter(token)
    expect(answer.status).toBe(204)
    const cookie = answer.headers['set-cookie'] ?? ''
    expect(cookie).toMatch(/^natspace-\d+=[\w-]{43}; Path=\/api; HttpOnly; SameSite=Strict$/)
    expect((await ask('GET /api/hello', { cookie: cookie.split(';')[0] ?? '' })).status).toBe(200)
    const again = await enter(token)
    expect([again.status, codeOf(again)]).toEqual([401, 'WRONG_TOKEN'])
  })

  test('a new one makes the one before worthless', async () => {
    const old = front.door.newToken()
    const token = front.door.newToken()
    expect((await enter(old)).status).toBe(401)
    expect((await enter(token)).status).toBe(204)
  })

  test('is not taken from another origin, and stays', async () => {
    const token = front.door.newToken()
    expect((await enter(token, { origin: 'http://evil.example' })).status).toBe(403)
    expect((await enter(token)).status).toBe(204)
  })

  for (const wrong of ['', 'x', 5, null, ['a'], {}])
    test(`is not ${JSON.stringify(wrong)}`, async () => {
      expect((await enter(wrong)).status).toBe(401)
    })

  test('guessing is slowed, and then not listened to; the right one is', async () => {
    const token = front.door.newToken()
    const start = performance.now()
    expect((await enter('wrong')).status).toBe(401)
    expect(performance.now() - start).toBeGreaterThan(250)
    const statuses = await Promise.all(Array.from({ length: 40 }, async () => (await enter('wrong')).status))
    expect(statuses.filter(status => status === 429).length).toBeGreaterThan(10)
    expect((await enter(token)).status).toBe(204)
  })
})

describe('a slow one', () => {
  test('is cut off: in the headers, and in the body', async () => {
    const slow = await startFront(
      {},
      { patience: { headersTimeout: 500, requestTimeout: 1000, keepAliveTimeout: 500 } },
    )
    const half = await sendRaw(slow.port, `GET / HTTP/1.1\r\nHost: 127.0.0.1:${slow.port}\r\n`)
    expect(half.status).toBe(400)
    const body = requestText(slow.port, 'POST /api/doctor', {
      cookie: slow.cookie,
      'content-type': 'application/json',
      'content-length': '10',
    })
    expect((await sendRaw(slow.port, `${body}{`)).raw).not.toContain('200')
    await slow.server.close()
  })

  test('too many connections are closed', async () => {
    const front = await startFront()
    let closed = 0
    const sockets = Array.from({ length: 140 }, () => connect(front.port, '127.0.0.1'))
    for (const socket of sockets) {
      socket.on('close', () => {
        closed += 1
      })
      socket.on('error', () => undefined)
    }
    for (let turn = 0; closed < 12 && turn < 1000; turn++)
      await new Promise(resolve => setTimeout(resolve, 10))
    expect(closed).toBe(12)
    for (const socket of sockets) socket.destroy()
    await front.server.close()
  })

  test('long headers are refused', async () => {
    expect((await ask('GET /', { 'x-long': 'x'.repeat(20_000) })).status).toBe(400)
  })
})
