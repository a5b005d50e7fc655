import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import * as v from 'valibot'
import { NatspaceError } from '../errors.ts'
import { specJsonSchema, specJsonSchemaText } from './json-schema.ts'
import { spaceSchema, specFileSchema } from './schema.ts'
import { hostileText } from './test-support.ts'
import type { RawSpec } from './types.ts'
import { validateSpec } from './validate.ts'

test('docs/spec.schema.json is what the schema generates: npx bun scripts/generate-schema.ts', () => {
  const committed = readFileSync(new URL('../../../docs/spec.schema.json', import.meta.url), 'utf8')
  expect(committed).toBe(specJsonSchemaText())
})

test('the published schema carries patterns, bounds, descriptions and examples', () => {
  const text = JSON.stringify(specJsonSchema())
  expect(text.match(/"pattern"/g)?.length).toBeGreaterThanOrEqual(8)
  expect(text).toContain('"minimum":68,"maximum":65535')
  expect(text.match(/"examples"/g)?.length).toBeGreaterThanOrEqual(8)
  expect(text).toContain('"additionalProperties":false')
  const space = JSON.parse(text).properties.spaces.additionalProperties.anyOf[0].properties
  for (const [key, property] of Object.entries<object>(space)) {
    expect([key, 'description' in property]).toEqual([key, true])
  }
})

const accepts = (raw: unknown): boolean => v.safeParse(spaceSchema, raw).success

describe('schema and validation agree', () => {
  test.each<[RawSpec]>([
    [
      {
        address: '192.168.45.3',
        gateway: '192.168.45.2/24',
        hostInterface: 'veth1',
        interface: 'veth2',
        uplink: 'eth0',
      },
    ],
    [
      {
        publish: ['8080:80', '127.0.0.1:5353:53/udp', '9000-9010', 80],
        dns: ['1.1.1.1', 'fd00::53', '::1'],
        mtu: 68,
      },
    ],
    [{ gateway6: 'fd00:45::2/64', address6: 'fd00:45::3' }],
    [{ gateway6: 'FD00:45:0:0::1/127', address6: 'fd00:45::' }],
    [{ gateway: '10.0.0.1/8', mtu: 65535, internal: true, fixFirewall: false }],
  ])('both take %j', raw => {
    expect(() => validateSpec('web', raw)).not.toThrow()
    expect(accepts(raw)).toBe(true)
  })

  test.each([
    { address: '192.168.45' },
    { address: '192.168.045.3' },
    { gateway: '192.168.45.2' },
    { gateway: '192.168.45.2/32' },
    { gateway: '192.168.45.2/7' },
    { gateway6: 'fd00:45::2' },
    { gateway6: 'fd00:45::2/128' },
    { gateway6: 'fd00:45::2/47' },
    { address6: '10.0.0.1' },
    { address6: 'fd00::3/64' },
    { hostInterface: 'x y' },
    { publish: ['80/icmp'] },
    { publish: [0] },
    { publish: [65536] },
    { dns: ['dns.example'] },
    { mtu: 67 },
    { mtu: 1500.5 },
  ])('both refuse %j', raw => {
    expect(() => validateSpec('web', raw)).toThrow(NatspaceError)
    expect(accepts(raw)).toBe(false)
  })

  test('an editor never marks what the command takes', () => {
    const field = fc.constantFrom('address', 'gateway', 'hostInterface', 'interface', 'uplink')
    const text = fc.oneof(
      hostileText,
      fc.ipV4(),
      fc.tuple(fc.ipV4(), fc.nat(32)).map(parts => parts.join('/')),
    )
    const list = fc.record({ dns: fc.array(fc.oneof(fc.ipV4(), fc.ipV6(), hostileText), { maxLength: 2 }) })
    fc.assert(
      fc.property(fc.oneof(fc.dictionary(field, text, { maxKeys: 1 }), list), raw => {
        try {
          validateSpec('web', raw)
        } catch (error) {
          if (error instanceof NatspaceError) return
          throw error
        }
        expect([raw, accepts(raw)]).toEqual([raw, true])
      }),
      { numRuns: 2000 },
    )
  })
})

test('a file with an unknown key is no spec file', () => {
  expect(v.safeParse(specFileSchema, { spaces: { web: null } }).success).toBe(true)
  expect(v.safeParse(specFileSchema, { spaces: { web: { ports: [] } } }).success).toBe(false)
  expect(v.safeParse(specFileSchema, { spaces: {}, version: 1 }).success).toBe(false)
})
