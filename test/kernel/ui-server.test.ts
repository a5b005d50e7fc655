import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { request } from 'node:https'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { requestText, sendRaw } from '../../src/server/front/front.test-support.ts'
import { mapHas } from '../../src/server/front/rights.ts'
import { requireSandbox, run, tryRun } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'
import {
  cpuTicks,
  endLeftOver,
  enter,
  isAlive,
  linkParts,
  processesIn,
  startUi,
  type Ui,
  until,
} from '../support/ui-server.ts'

/** The two processes of `natspace ui`, as a user starts them. */

requireSandbox()

const executable = join(import.meta.dirname, '../../dist/natspace')
/** Whether root knows other users here: not as the root of a user namespace with one user. */
const knowsNobody = mapHas(readFileSync('/proc/self/uid_map', 'utf8'), 65534)
let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'natspace-test-'))
  chmodSync(folder, 0o777)
})
afterAll(() => {
  rmSync(folder, { recursive: true })
  endLeftOver()
})

/** Ends it, and holds that nothing of it is left. */
const endUi = async (ui: Ui, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | string> => {
  ui.child.kill(signal)
  const status = await ui.ended
  await nothingLeft(ui)
  return status
}

const nothingLeft = async ({ front, engine, namespace }: Ui): Promise<void> => {
  await until('both processes are gone', () => !isAlive(front) && !isAlive(engine))
  const own = statSync('/proc/self/ns/net').ino
  if (namespace !== `net:[${own}]`)
    await until('its namespace is empty', () => processesIn(namespace).length === 0)
}

describe('natspace ui --lab', () => {
  let ui: Ui
  let browser: Awaited<ReturnType<typeof enter>>
  beforeAll(async () => {
    ui = await startUi(['--lab'])
    browser = await enter(ui)
  })
  afterAll(async () => {
    expect(await endUi(ui)).toBe(0)
  })

  test('prints the link alone on stdout, and serves the lab', async () => {
    expect(ui.links()).toHaveLength(1)
    expect(ui.links()[0]).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#[\w-]{43}$/)
    const hello = JSON.parse((await browser.ask('GET /api/hello')).body)
    expect(hello).toMatchObject({ mode: 'lab', allowChanges: true, host: 'host1' })
  })

  test('the page is in the executable', async () => {
    const page = await browser.ask('GET /')
    expect(page.status).toBe(200)
    const [, script = ''] = /<script[^>]* src="(\/assets\/[^"]+\.js)"/.exec(page.body) ?? []
    const file = await browser.ask(`GET ${script}`, { 'accept-encoding': 'gzip' })
    expect(file.status).toBe(200)
    expect(file.headers).toMatchObject({
      'content-type': 'text/javascript; charset=utf-8',
      'content-encoding': 'gzip',
    })
    expect(page.body).not.toMatch(/<script(?![^>]* src=)|<style|style=|javascript:|https?:\/\//)
  })

  test('the engine is in other namespaces than the front', () => {
    expect(statSync(`/proc/${ui.front}/ns/net`).ino).toBe(statSync('/proc/self/ns/net').ino)
    expect(ui.namespace).not.toBe(`net:[${statSync('/proc/self/ns/net').ino}]`)
  })

  test('what speaks to browsers has given up root', () => {
    const status = readFileSync(`/proc/${ui.front}/status`, 'utf8')
    const isFull = !/^CapEff:\s*0+$/m.test(status)
    expect({ user: /^Uid:\s+(.*)$/m.exec(status)?.[1], isFull }).toEqual(
      knowsNobody
        ? { user: '65534\t65534\t65534\t65534', isFull: false }
        : { user: '0\t0\t0\t0', isFull: true },
    )
    if (knowsNobody) expect(status).toMatch(/^Groups:[ \t]*$/m)
  })

  const negative: [string, number, string, Record<string, string | null>, unknown?][] = [
    ['no session', 401, 'GET /api/hello', { cookie: null }],
    ['a session that is none', 401, 'GET /api/hello', { cookie: 'natspace-1=x' }],
    ['another Host', 421, 'GET /api/hello', { host: 'evil.example' }],
    ['another Host for the page', 421, 'GET /', { host: 'evil.example' }],
    ['no Host', 400, 'GET /api/hello', { host: null }],
    ['another Origin', 403, 'POST /api/doctor', { origin: 'http://evil.example' }, { space: 'myspace' }],
    ['no Origin', 403, 'POST /api/doctor', { origin: null }, { space: 'myspace' }],
    ['another Origin for the events', 403, 'GET /api/events', { origin: 'http://evil.example' }],
    ['another site for the events', 403, 'GET /api/events', { 'sec-fetch-site': 'cross-site' }],
    ['GET where something is done', 405, 'GET /api/apply', {}],
    ['another method', 405, 'PUT /api/lab', {}, {}],
    ['a question before a request of another site', 405, 'OPTIONS /api/lab', {}],
    ['a form', 415, 'POST /api/doctor', { 'content-type': 'text/plain' }, { space: 'myspace' }],
    ['a long body', 413, 'POST /api/doctor', {}, { space: 'x'.repeat(20_000) }],
    ['a space that there is not', 404, 'GET /api/spaces/nothing', {}],
    ['a path for a name', 400, 'GET /api/spaces/..%2f..%2fetc', {}],
    ['two lengths', 400, 'POST /api/doctor', { 'transfer-encoding': 'chunked' }, { space: 'myspace' }],
  ]
  for (const [what, status, line, changes, body] of negative)
    test(`${what}: ${status}`, async () => {
      const answer = await browser.ask(line, changes, body)
      expect(answer.status).toBe(status)
      expect(Object.keys(answer.headers).filter(name => name.startsWith('access-control'))).toEqual([])
    })

  test('no other page may frame it', async () => {
    const { headers } = await browser.ask('GET /')
    expect(headers['x-frame-options']).toBe('DENY')
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'")
  })

  test('the link works once; SIGUSR1 prints a new one, and who is in stays in', async () => {
    const again = await sendRaw(
      browser.port,
      requestText(browser.port, 'POST /api/session', {}, JSON.stringify({ token: browser.token })),
    )
    expect([again.status, again.headers['set-cookie']]).toEqual([401, undefined])
    ui.child.kill('SIGUSR1')
    await until('a new link is printed', () => ui.links().length === 2)
    const second = await enter(ui)
    expect(second.cookie).not.toBe(browser.cookie)
    for (const { ask } of [browser, second]) expect((await ask('GET /api/hello')).status).toBe(200)
  })

  if (knowsNobody)
    test('a cookie that another user got hold of opens nothing for him', async () => {
      const text = requestText(browser.port, 'GET /api/hello', { cookie: browser.cookie })
      const nc = ['nc', '-w', '5', '127.0.0.1', String(browser.port)]
      const as = (user: number) =>
        run('setpriv', [`--reuid=${user}`, `--regid=${user}`, '--clear-groups', ...nc], text).split('\r\n')[0]
      expect(as(0)).toBe('HTTP/1.1 200 OK')
      expect(as(12345)).toBe('HTTP/1.1 401 Unauthorized')
    })
  else console.error('The cookie of another user is tried as root alone: this one cannot become another.')

  test('events begin with a snapshot, and a page that does not read costs nothing', async () => {
    const text = requestText(browser.port, 'GET /api/events', { cookie: browser.cookie })
    let got = ''
    const page = connect(browser.port, '127.0.0.1', () => page.write(text))
    page.on('data', (chunk: Buffer) => {
      got += chunk.toString()
    })
    await until('counters come', () => got.includes('"type":"counters"'))
    expect(got.slice(got.indexOf('data: ')).startsWith('data: {"type":"snapshot"')).toBe(true)
    page.destroy()
  })

  test('a probe walks', async () => {
    const answer = await browser.ask('POST /api/walks', {}, { space: 'myspace', to: '192.168.1.15' })
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.body)).toMatchObject({
      format: 'natspace-walk',
      space: 'myspace',
      outcome: 'answered',
    })
  })
})

describe('both processes end together', () => {
  test('Ctrl-C: exit status 130', async () => {
    const ui = await startUi(['--lab'])
    // As the terminal does: to the whole group.
    process.kill(-ui.front, 'SIGINT')
    expect(await ui.ended).toBe(130)
    await nothingLeft(ui)
  })

  test('kill -9 of the front', async () => {
    const ui = await startUi(['--lab'])
    const page = await enter(ui)
    expect((await page.ask('GET /api/hello')).status).toBe(200)
    expect(await endUi(ui, 'SIGKILL')).toBe('SIGKILL')
  })

  test('kill -9 of the engine: the front says so, with exit status 1', async () => {
    const ui = await startUi(['--lab'])
    process.kill(ui.engine, 'SIGKILL')
    expect(await ui.ended).toBe(1)
    expect(ui.stderr()).toContain('ENGINE_ENDED')
    expect(ui.stderr()).toContain('ended by SIGKILL')
    await nothingLeft(ui)
  })

  test('SIGTERM of the engine alone is an end, too', async () => {
    const ui = await startUi(['--lab'])
    process.kill(ui.engine, 'SIGTERM')
    expect(await ui.ended).toBe(1)
    await nothingLeft(ui)
  })

  test('kill -9 of the engine while it makes the lab anew, and probes it', async () => {
    const ui = await startUi(['--lab'])
    const { ask } = await enter(ui)
    const before = cpuTicks(ui.engine)
    const cut = ask('POST /api/lab', {}, { without: 8 }).then(
      ({ status }) => status,
      () => 0,
    )
    await until('the engine is at work', () => cpuTicks(ui.engine) > before + 1)
    process.kill(ui.engine, 'SIGKILL')
    expect([0, 502]).toContain(await cut)
    expect(await ui.ended).toBe(1)
    await nothingLeft(ui)
  })

  test('while a page listens and a follow runs', async () => {
    const ui = await startUi(['--lab'])
    const { ask, port, cookie } = await enter(ui)
    const page = connect(port, '127.0.0.1', () =>
      page.write(requestText(port, 'GET /api/events', { cookie })),
    )
    let got = ''
    page.on('data', (chunk: Buffer) => {
      got += chunk.toString()
    })
    await until('the page listens', () => got.includes('"snapshot"'))
    expect((await ask('POST /api/follows', {}, { space: 'myspace', from: 'any' })).status).toBe(200)
    expect(await endUi(ui)).toBe(0)
    expect(got).toContain('{"type":"end","why":"natspace ui was ended"}')
    page.destroy()
  })
})

describe('natspace ui on this host', () => {
  test('looks only, unless told', async () => {
    const ui = await startUi([])
    const { ask } = await enter(ui)
    expect(JSON.parse((await ask('GET /api/hello')).body)).toMatchObject({
      mode: 'host',
      allowChanges: false,
    })
    for (const [path, body] of [
      ['apply', { text: 'spaces: {}' }],
      ['remove', { names: ['web'] }],
    ] as const) {
      const answer = await ask(`POST /api/${path}`, {}, body)
      expect([answer.status, JSON.parse(answer.body).error.code]).toEqual([403, 'CHANGES_NOT_ALLOWED'])
    }
    expect((await ask('GET /api/lab')).status).toBe(404)
    expect(await endUi(ui)).toBe(0)
  })

  test('with --allow-changes brings a space up and takes it down', async () => {
    run('ip', 'link add uplink0 type veth peer name router0'.split(' '))
    run('ip', 'link set router0 up'.split(' '))
    run('ip', 'addr add 192.0.2.2/24 dev uplink0'.split(' '))
    run('ip', 'link set uplink0 up'.split(' '))
    run('ip', 'route add default via 192.0.2.1'.split(' '))
    const ui = await startUi(['--allow-changes', '--json'])
    try {
      const { ask } = await enter(ui)
      const applied = await ask('POST /api/apply', {}, { text: 'spaces:\n  web: {}\n' })
      expect([applied.status, JSON.parse(applied.body).spaces]).toEqual([200, ['web']])
      expect(run(executable, ['ls', '--json'])).toContain('"web"')
      const removed = await ask('POST /api/remove', {}, { names: ['web'] })
      expect([removed.status, JSON.parse(removed.body).spaces]).toEqual([200, ['web']])
    } finally {
      await endUi(ui)
      run('ip', 'link del uplink0'.split(' '))
    }
  })
})

describe('options', () => {
  const ui = (...args: string[]) => tryRun('timeout', ['10', executable, 'ui', ...args])

  for (const address of ['0.0.0.0', '::', '192.0.2.1'])
    test(`--listen ${address} needs TLS and a secret`, () => {
      const { status, stderr, stdout } = ui('--lab', '--listen', address)
      expect([status, stdout]).toEqual([2, ''])
      expect(stderr).toContain('OPEN_LISTEN')
    })

  test('a port that another program has', async () => {
    const first = await startUi(['--lab'])
    const { status, stderr } = ui('--lab', '--port', String(linkParts(first.links()[0] ?? '').port))
    expect(status).toBe(1)
    expect(stderr).toContain('LISTEN_TAKEN')
    await endUi(first)
  })

  test('--json prints one object, errors too', async () => {
    const first = await startUi(['--lab', '-j', '--lang', 'zh'])
    expect(first.links()[0]).toMatch(/\/\?lang=zh#[\w-]{43}$/)
    await endUi(first)
    const { status, stdout } = ui('--lab', '-j', '--listen', '::')
    expect([status, JSON.parse(stdout).error.code]).toEqual([2, 'OPEN_LISTEN'])
  })

  test('who is not root cannot look at this host', () => {
    const { status, stderr } = tryRun('setpriv', ['--bounding-set=-all', '--inh-caps=-all', executable, 'ui'])
    expect(status).toBe(4)
    expect(stderr).toContain('NOT_PERMITTED')
  })

  requireTool('openssl')('--listen with --tls and --auth: both are demanded', async () => {
    const [cert, key, auth] = ['cert.pem', 'key.pem', 'auth'].map(name => join(folder, name)) as [
      string,
      string,
      string,
    ]
    run('openssl', [
      ...'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=box.example'.split(
        ' ',
      ),
      ...['-addext', 'subjectAltName=DNS:box.example', '-keyout', key, '-out', cert],
    ])
    writeFileSync(auth, 'me:0123456789abcdef\n', { mode: 0o600 })
    const open = await startUi(['--lab', '--listen', '0.0.0.0', '--tls', `${cert},${key}`, '--auth', auth])
    const link = open.links()[0] ?? ''
    expect(link).toMatch(/^https:\/\/box\.example:\d+\/#/)
    const { port, token } = linkParts(link)
    const ask = (headers: Record<string, string>, path = '/', body?: string) =>
      new Promise<{ status: number; cookie: string; challenge: string }>((resolve, reject) => {
        const sent = request(
          {
            host: '127.0.0.1',
            port,
            path,
            method: body === undefined ? 'GET' : 'POST',
            headers: { host: `box.example:${port}`, ...headers },
            ca: readFileSync(cert),
            servername: 'box.example',
            agent: false,
          },
          response => {
            response.resume()
            response.on('end', () =>
              resolve({
                status: response.statusCode ?? 0,
                cookie: response.headers['set-cookie']?.[0] ?? '',
                challenge: response.headers['www-authenticate'] ?? '',
              }),
            )
          },
        )
        sent.on('error', reject)
        sent.end(body)
      })
    const authorization = `Basic ${Buffer.from('me:0123456789abcdef').toString('base64')}`
    try {
      const unknown = await ask({})
      expect([unknown.status, unknown.challenge]).toEqual([401, 'Basic realm="natspace", charset="UTF-8"'])
      expect((await ask({ authorization: 'Basic bWU6d3Jvbmc=' })).status).toBe(401)
      expect((await ask({ authorization, host: `127.0.0.1:${port}` })).status).toBe(421)
      expect((await ask({ authorization })).status).toBe(200)
      expect((await ask({ authorization }, '/api/hello')).status).toBe(401)
      const own = { authorization, origin: `https://box.example:${port}`, 'content-type': 'application/json' }
      expect((await ask({ ...own, origin: `http://box.example:${port}` }, '/api/session', '{}')).status).toBe(
        403,
      )
      const { status, cookie } = await ask(own, '/api/session', JSON.stringify({ token }))
      expect(status).toBe(204)
      expect(cookie).toMatch(/; HttpOnly; SameSite=Strict; Secure$/)
      const session = cookie.split(';')[0] ?? ''
      expect((await ask({ authorization, cookie: session }, '/api/hello')).status).toBe(200)
      expect((await ask({ cookie: session }, '/api/hello')).status).toBe(401)
      // Without TLS nothing is answered that a browser would take for the page.
      expect(
        await sendRaw(port, requestText(port, 'GET /')).then(
          ({ status }) => status,
          () => 0,
        ),
      ).not.toBe(200)
    } finally {
      await endUi(open)
    }
  })

  test('the browser is opened as the user who called sudo, never as root, and the link is not in its arguments', async () => {
    const bin = join(folder, 'bin')
    const seen = join(folder, 'seen')
    run('mkdir', ['-p', bin])
    writeFileSync(
      join(bin, 'xdg-open'),
      `#!/bin/sh\n{ id -u; echo "$1"; cat "$1"; } > ${seen}.part && mv ${seen}.part ${seen}\n`,
      { mode: 0o755 },
    )
    const environment = {
      DISPLAY: ':77',
      PATH: `${bin}:${process.env.PATH}`,
      TMPDIR: folder,
      SUDO_UID: '12345',
      SUDO_GID: '12345',
      SUDO_USER: 'somebody',
    }
    const opened = () => readdirSync(folder).filter(name => name.startsWith('natspace-ui-'))
    const quiet = await startUi(['--lab', '--no-open'], environment)
    await endUi(quiet)
    expect(existsSync(seen)).toBe(false)
    const ui = await startUi(['--lab'], environment)
    if (!knowsNobody) {
      // This root knows no other user, so it stays root, and opens nothing.
      await enter(ui)
      await endUi(ui)
      expect(existsSync(seen)).toBe(false)
      return
    }
    await until('the browser was called', () => existsSync(seen))
    const [user, file = '', ...page] = readFileSync(seen, 'utf8').split('\n')
    expect(user).toBe('12345')
    expect(file).toMatch(/\/natspace-ui-[^/]+\/open\.html$/)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(page.join('\n')).toContain(`url=${ui.links()[0]}`)
    await enter(ui)
    expect(opened()).toEqual([])
    await endUi(ui)
  })
})
