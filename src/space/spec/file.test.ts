import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { NatspaceError } from '../errors.ts'
import { parseSpecFile } from './file.ts'
import { hostileText, plainSpec } from './test-support.ts'

const read = (text: string) => parseSpecFile(text, 'spaces.yaml')

async function faultOf(text: string): Promise<NatspaceError> {
  const result = await read(text).catch((error: unknown) => error)
  if (result instanceof NatspaceError) return result
  throw result instanceof Error ? result : new Error(`Nothing was thrown: ${JSON.stringify(result)}`)
}

test('the example of the documentation', async () => {
  const text = `spaces:
  myspace:
    address: 192.168.45.3        # all optional
    gateway: 192.168.45.2/24
    publish: ["8080:80", "127.0.0.1:5353:53/udp", "9000-9010", 7000]
  empty:
`
  const [myspace, empty] = await read(text)
  expect(myspace).toMatchObject({ name: 'myspace', address: '192.168.45.3', gateway: '192.168.45.2/24' })
  expect(myspace?.publish).toHaveLength(4)
  expect(empty).toEqual({ name: 'empty', ...plainSpec })
})

test('JSON, with tabs, a byte order mark and a reference to the schema', async () => {
  const text =
    '\ufeff{\r\n\t"$schema": "./spec.schema.json",\r\n\t"spaces": {"web": {"mtu": 1400, "dns": ["1.1.1.1"]}}\r\n}\r\n'
  expect(await read(text)).toMatchObject([{ name: 'web', mtu: 1400, dns: ['1.1.1.1'] }])
})

test('aliases share defaults; ports are not read as base-60 numbers', async () => {
  const text = 'spaces:\n  a: &a {mtu: 1400, publish: [22:22]}\n  b: *a\n'
  const fault = await faultOf(text)
  expect(fault.code).toBe('DUPLICATE_PORT')
  expect(await read('spaces:\n  a: &a {mtu: 1400}\n  b: *a\n')).toMatchObject([{ mtu: 1400 }, { mtu: 1400 }])
  expect((await read('spaces:\n  a: {publish: [22:22]}\n'))[0]?.publish).toHaveLength(1)
})

test('names that objects have of themselves are names like others', async () => {
  const specs = await read('spaces: {constructor: , prototype: , toString: , hasOwnProperty: {mtu: 1400}}')
  expect(specs.map(spec => spec.name)).toEqual(['constructor', 'prototype', 'toString', 'hasOwnProperty'])
  expect((await faultOf('spaces: {__proto__: {}}')).code).toBe('BAD_NAME')
})

describe('faults', () => {
  test.each([
    ['spaces:\n  web:\n    publsh: ["80"]\n', 'UNKNOWN_KEY', '3:5', 'publish'],
    ['spaces:\n  web:\n    host_interface: x\n', 'UNKNOWN_KEY', '3:5', 'hostInterface'],
    ['spaces:\n  web: {<<: {mtu: 1400}}\n', 'UNKNOWN_KEY', '2:9', ''],
    ['web:\n  mtu: 1400\n', 'UNKNOWN_KEY', '1:1', 'spaces'],
    ['spaces:\n  web:\n    publish: 8080:80\n', 'BAD_TYPE', '3:14', 'a list'],
    ['spaces:\n  web:\n    publish: [[80]]\n', 'BAD_TYPE', '3:15', 'text or a number'],
    ['spaces:\n  web:\n    internal: yes\n', 'BAD_TYPE', '3:15', 'true or false'],
    ['spaces:\n  web:\n    address:\n', 'BAD_TYPE', '3:13', 'no value'],
    ['spaces:\n  web: 5\n', 'BAD_TYPE', '2:8', 'keys and values'],
    ['spaces:\n  web: [5]\n', 'BAD_TYPE', '2:8', 'keys and values'],
    ['spaces:\n  web:\n    publish:\n      - 80\n      - 99999\n', 'BAD_PORT', '5:9', '65535'],
    ['spaces:\n  web:\n    publish:\n      - 80\n      - 80\n', 'DUPLICATE_PORT', '5:9', 'already'],
    ['spaces:\n  a: {publish: [80]}\n  b: {publish: ["79-81"]}\n', 'DUPLICATE_PORT', '3:17', "space 'a'"],
    ['spaces:\n  web:\n    mtu: 5\n', 'BAD_MTU', '3:10', '68'],
    ['spaces:\n  web:\n    mtu: "1400"\n', 'BAD_TYPE', '3:10', 'a number'],
    [
      'spaces:\n  web:\n    gateway: 10.5.0.1/24\n    address: 10.6.0.1\n',
      'ADDRESS_OUTSIDE_GATEWAY_NETWORK',
      '4:14',
      '10.5.0.0/24',
    ],
    ['spaces:\n  ok:\n  ../web: {}\n', 'BAD_NAME', '3:3', 'letter or digit'],
    ['spaces:\n  web: {}\n  db: {}\n  web: {}\n', 'DUPLICATE_NAME', '4:3', "'web'"],
    ['spaces:\n  1: {}\n  "1": {}\n', 'DUPLICATE_NAME', '3:3', "'1'"],
    ['{"spaces": {"a": {"mtu": 1400, "mtu": 1500}}}', 'DUPLICATE_NAME', '1:32', "'mtu'"],
    ['spaces:\n  web: {mtu: [}\n', 'BAD_FILE', '2:', ''],
    ['spaces:\n\tweb: {}\n', 'BAD_FILE', '2:1', ''],
    ['spaces: {x: !!js/function "f"}', 'BAD_FILE', '1:13', 'tag'],
    ['--- {spaces: {}}\n--- {spaces: {}}\n', 'BAD_FILE', '2:', ''],
    ['', 'BAD_FILE', '1:1', 'spaces'],
    ['{}', 'BAD_FILE', '1:1', 'spaces'],
    ['- 1', 'BAD_FILE', '1:1', 'spaces'],
    ['spaces: [web]', 'BAD_FILE', '1:9', 'names'],
    ['spaces: {x: *nowhere}', 'BAD_FILE', '', 'nowhere'],
    [`a: ${'['.repeat(100_000)}`, 'BAD_FILE', '1:', ''],
  ])('%#: %j', async (text, code, position, why) => {
    const fault = await faultOf(text)
    expect([fault.code, fault.exit]).toEqual([code, 2])
    expect(fault.what).toStartWith(`spaces.yaml:${position}`.replace(/:$/, ''))
    expect(fault.why).toContain(why)
    expect(fault.fix).not.toBeEmpty()
  })

  test('a bomb of aliases, which nobody could unfold in a lifetime, is refused', async () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
    for (let i = 1; i < 12; i++)
      lines.push(
        `a${i}: &a${i} [${Array(10)
          .fill(`*a${i - 1}`)
          .join(', ')}]`,
      )
    expect((await faultOf(`${lines.join('\n')}\nspaces: {}\n`)).code).toBe('BAD_FILE')
  })

  test('a node that contains itself ends', async () => {
    expect((await faultOf('spaces: &a {x: *a}')).code).toBe('UNKNOWN_KEY')
  })

  test('the faults of all spaces are told at once, and not endlessly', async () => {
    const two = await faultOf('spaces:\n  a: {mtu: 1}\n  b: {dns: [x]}\n')
    expect(two.code).toBe('BAD_MTU')
    expect(two.evidence).toHaveLength(1)
    expect(two.evidence[0]).toStartWith("spaces.yaml:3:13: cannot use dns 'x'")
    const many = Array.from({ length: 5000 }, (_, i) => `  s${i}: {mtu: 1}`).join('\n')
    expect((await faultOf(`spaces:\n${many}`)).evidence).toHaveLength(10)
  })

  test('the name of the file is data too', async () => {
    const fault = await parseSpecFile('', 'a\x1b[2J.yaml').catch((error: unknown) => error)
    expect(String(fault)).toContain('a\\x1b[2J.yaml:1:1')
  })
})

test('whatever the file holds, the answer is specs or a NatspaceError', async () => {
  const value = fc.oneof(hostileText, fc.jsonValue({ maxDepth: 2 }))
  const text = fc.oneof(
    hostileText,
    hostileText.map(part => `spaces:\n  web:\n    ${part}`),
    fc.dictionary(hostileText, value).map(spaces => JSON.stringify({ spaces })),
    fc
      .dictionary(fc.constantFrom('address', 'publish', 'dns', 'mtu', 'uplink', 'internal'), value)
      .map(web => JSON.stringify({ spaces: { web } })),
  )
  await fc.assert(
    fc.asyncProperty(text, async content => {
      const result = await read(content).catch((error: unknown) => error)
      if (Array.isArray(result)) return
      if (!(result instanceof NatspaceError)) throw result
      expect(result.message).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u)
    }),
    { numRuns: 500 },
  )
})
