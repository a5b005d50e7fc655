import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { CniError } from '../error.ts'
import { checkRequest, conflistOf, conflistText, listIn, type NetworkRequest, requestIn } from './conflist.ts'

const request = (more: Partial<NetworkRequest> = {}): NetworkRequest => ({
  name: 'net',
  subnets: [],
  noMasquerade: [],
  accept: [],
  ...more,
})

describe('the list', () => {
  test('of a network with one subnet', () => {
    expect(conflistOf(request({ subnets: ['10.88.0.0/16'] }))).toEqual({
      cniVersion: '1.0.0',
      cniVersions: ['1.0.0', '1.1.0'],
      name: 'net',
      plugins: [
        {
          type: 'natspace',
          ipam: { subnet: '10.88.0.0/16' },
          capabilities: {
            portMappings: true,
            bandwidth: true,
            ips: true,
            mac: true,
            dns: true,
            aliases: true,
          },
        },
      ],
    })
  })

  test('is the one in the manual', () => {
    const manual = readFileSync(join(import.meta.dirname, '../../../docs/cni.md'), 'utf8')
    const block = /^ {4}\{\n(?: {6}.*\n)+ {4}\}$/m.exec(manual)?.[0] ?? ''
    expect(JSON.parse(block)).toEqual(conflistOf(request({ name: 'natspace', subnets: ['10.88.0.0/16'] })))
  })

  test('of several subnets has one set for each family', () => {
    const [plugin] = conflistOf(request({ subnets: ['10.1.0.0/24', 'fd00::/64', '10.2.0.0/24'] })).plugins
    expect(plugin).toMatchObject({
      ipam: { ranges: [[{ subnet: '10.1.0.0/24' }, { subnet: '10.2.0.0/24' }], [{ subnet: 'fd00::/64' }]] },
    })
  })

  test('is taken by the plugin, and what it would refuse is refused before', () => {
    checkRequest(request())
    checkRequest(request({ subnets: ['10.88.0.0/16'], host: 'all', mtu: 1400, fixFirewall: true }))
    checkRequest(request({ subnets: ['10.88.0.0/16', '10.89.0.0/16', 'fd00:88::/64'], isolated: true }))
    checkRequest(request({ noMasquerade: ['10.244.0.0/16'], accept: ['0.0.0.0/0', '::/0'] }))
    for (const wrong of [
      { subnets: ['10.88.0.1/16'] },
      { subnets: ['nonsense'] },
      { host: 'nobody' },
      { mtu: 7 },
      { name: '../x' },
    ])
      expect(() => checkRequest(request(wrong))).toThrow(CniError)
  })
})

const words = fc.string({ minLength: 1, maxLength: 8 })
const requests = fc.record(
  {
    name: words,
    subnets: fc.array(fc.constantFrom('10.1.0.0/24', '10.2.0.0/24', '10.3.0.0/24'), { maxLength: 3 }),
    noMasquerade: fc.array(words, { maxLength: 2 }),
    accept: fc.array(words, { maxLength: 2 }),
    host: fc.constantFrom('all', 'dns', 'none'),
    isolated: fc.constant(true),
    mtu: fc.nat(65_535),
    fixFirewall: fc.constant(true),
  },
  { requiredKeys: ['name', 'subnets', 'noMasquerade', 'accept'] },
)

describe('the way back', () => {
  test('every list is known again, and none that somebody touched', () => {
    fc.assert(
      fc.property(requests, fc.nat(), (asked, place) => {
        const text = conflistText(asked)
        expect(requestIn(text)).toEqual(asked)
        const at = place % text.length
        expect(requestIn(`${text.slice(0, at)} ${text.slice(at)}`)).not.toEqual(asked)
      }),
    )
  })

  test('whatever a file holds, it is a list or none', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.jsonValue().map(value => JSON.stringify({ name: 'a', plugins: value })),
        ),
        text => {
          const list = listIn(text)
          expect(list === undefined || list.plugins.length > 0).toBe(true)
          requestIn(text)
        },
      ),
    )
  })
})
