import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { challenge, isAuthorized, readSecret, WrongSecrets } from './auth.ts'
import { allowedHosts, siteUrl } from './origin.ts'
import { mapHas } from './rights.ts'
import { certificateNames, readSite } from './site-options.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'natspace-test-'))
})
afterAll(() => {
  rmSync(folder, { recursive: true })
})

const secretFile = (text: string, mode = 0o600): string => {
  const file = join(folder, `auth-${Math.random()}`)
  writeFileSync(file, text, { mode })
  chmodSync(file, mode)
  return file
}
const withCode = (code: string) => expect.objectContaining({ code, exit: 2 })

describe('where it listens', () => {
  test('on 127.0.0.1 and a free port, unless told', () => {
    expect(readSite({})).toEqual({ address: '127.0.0.1', port: 0, tls: undefined, secret: undefined })
    expect(readSite({ listen: '::1', port: '8080' })).toMatchObject({ address: '::1', port: 8080 })
    expect(readSite({ listen: '127.9.8.7' })).toMatchObject({ address: '127.9.8.7' })
  })

  for (const listen of [
    '0.0.0.0',
    '::',
    '192.0.2.1',
    'fd00::1',
    '128.0.0.1',
    '::ffff:192.0.2.1',
    '126.255.255.255',
  ])
    test(`${listen} is refused without TLS and a secret`, () => {
      expect(() => readSite({ listen })).toThrow(withCode('OPEN_LISTEN'))
      expect(() => readSite({ listen, auth: secretFile('a:0123456789abcdef') })).toThrow(
        withCode('OPEN_LISTEN'),
      )
      expect(() => readSite({ listen, tls: 'a,b' })).toThrow(withCode('OPEN_LISTEN'))
    })

  for (const listen of [
    'localhost',
    '127.1',
    '127.0.0.1.evil.example',
    '2130706433',
    '0x7f.0.0.1',
    '',
    '127.0.0.1 ',
    'fe80::1%lo',
  ])
    test(`'${listen}' is no address`, () => {
      expect(() => readSite({ listen })).toThrow(withCode('BAD_LISTEN'))
    })

  for (const port of ['65536', '-1', 'x', '', '1e3', ' 80'])
    test(`'${port}' is no port`, () => {
      expect(() => readSite({ port })).toThrow(withCode('BAD_NUMBER'))
    })

  test('files of TLS that are none', () => {
    for (const tls of [
      'one',
      'a,b,c',
      ',',
      join(folder, 'no'),
      `${join(folder, 'no')},${join(folder, 'no')}`,
    ])
      expect(() => readSite({ tls })).toThrow(withCode('BAD_TLS_FILE'))
  })
})

describe('names', () => {
  const site = { address: '127.0.0.1', port: 8080, tls: false, names: [] }
  test('of this machine', () => {
    expect([...allowedHosts(site)]).toEqual(['127.0.0.1:8080', 'localhost:8080'])
    expect(siteUrl(site)).toBe('http://127.0.0.1:8080/')
  })
  test('of IPv6', () => {
    expect([...allowedHosts({ ...site, address: '::1' })]).toEqual(['[::1]:8080', 'localhost:8080'])
    expect(siteUrl({ ...site, address: '::1' })).toBe('http://[::1]:8080/')
  })
  test('on the usual port, which browsers leave out', () => {
    expect([...allowedHosts({ ...site, port: 80 })]).toEqual([
      '127.0.0.1',
      '127.0.0.1:80',
      'localhost',
      'localhost:80',
    ])
  })
  test('of a certificate', () => {
    const open = { address: '0.0.0.0', port: 8443, tls: true, names: ['Box.example', '192.0.2.7'] }
    expect([...allowedHosts(open)]).toEqual(['box.example:8443', '192.0.2.7:8443'])
    const urlFor = (address: string, names: string[]) => siteUrl({ ...open, address, names })
    expect(siteUrl(open)).toBe('https://Box.example:8443/')
    expect(urlFor('192.0.2.7', open.names)).toBe('https://192.0.2.7:8443/')
    expect(urlFor('192.0.2.7', [])).toBe('https://192.0.2.7:8443/')
    expect(urlFor('127.0.0.1', ['box.example'])).toBe('https://127.0.0.1:8443/')
    expect(urlFor('127.0.0.1', ['box.example', 'localhost'])).toBe('https://localhost:8443/')
  })
  test('in a certificate: those with a star are for no certain host', () => {
    expect(
      certificateNames('DNS:Box.example, DNS:*.example, IP Address:192.0.2.7, IP Address:FD00:0:0:0:0:0:0:1'),
    ).toEqual(['box.example', '192.0.2.7', 'fd00::1'])
    expect(certificateNames(undefined)).toEqual([])
  })
})

describe('the secret of --auth', () => {
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`

  test('a name and a password', () => {
    const secret = readSecret(secretFile('me:0123456789abcdef\n'))
    expect(isAuthorized(secret, basic('me:0123456789abcdef'))).toBe(true)
    expect(challenge(secret)).toContain('Basic')
    for (const wrong of [
      basic('me:0123456789abcdeg'),
      basic('me'),
      'Basic',
      'Basic =',
      'Bearer me:0123456789abcdef',
      '',
      undefined,
    ])
      expect(isAuthorized(secret, wrong)).toBe(false)
  })

  test('a token', () => {
    const secret = readSecret(secretFile('0123456789abcdef'))
    expect(isAuthorized(secret, 'bearer 0123456789abcdef')).toBe(true)
    expect(challenge(secret)).toContain('Bearer')
    for (const wrong of ['Bearer 0123456789abcde', basic('0123456789abcdef'), 'Bearer ', undefined])
      expect(isAuthorized(secret, wrong)).toBe(false)
  })

  test('files that do not keep it', () => {
    const good = 'me:0123456789abcdef'
    const link = join(folder, 'link')
    symlinkSync(secretFile(good), link)
    const bad = [
      join(folder, 'missing'),
      folder,
      link,
      secretFile(good, 0o640),
      secretFile(good, 0o604),
      secretFile('me:short'),
      secretFile(''),
      secretFile(':0123456789abcdef'),
      secretFile(`${good}\nmore`),
      secretFile('me:0123456789abcdé'),
    ]
    for (const file of bad) expect(() => readSecret(file)).toThrow(withCode('BAD_AUTH_FILE'))
  })

  test('ten wrong ones a minute from an address', () => {
    let now = 0
    const wrong = new WrongSecrets(() => now)
    for (let turn = 0; turn < 10; turn++) {
      expect(wrong.isShut('192.0.2.1')).toBe(false)
      wrong.note('192.0.2.1')
    }
    expect([wrong.isShut('192.0.2.1'), wrong.isShut('192.0.2.2')]).toEqual([true, false])
    now = 60_000
    expect(wrong.isShut('192.0.2.1')).toBe(false)
  })
})

test('which users a namespace knows', () => {
  const whole = '         0          0 4294967295\n'
  expect([
    mapHas(whole, 65534),
    mapHas('0 1000 1\n', 65534),
    mapHas('0 1000 1\n1 100000 65536\n', 65534),
  ]).toEqual([true, false, true])
})
