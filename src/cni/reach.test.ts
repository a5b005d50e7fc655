import { expect, test } from 'bun:test'
import { FakeKernel } from '../linux/fake.ts'
import { Observation } from '../space/reconcile/observation.ts'
import { statePaths } from '../space/state/records.ts'
import { CniError } from './error.ts'
import { Fields } from './fields.ts'
import { groupOf } from './network-group.ts'
import { parseReach } from './reach.ts'

const reach = (value: object) => parseReach(new Fields(value, ''))

test('who sees the address may begin a connection, unless it is said otherwise', () => {
  const none = { untranslated: [], accept: [], isolated: false, isDefaultGateway: false }
  const networks = ['10.244.0.0/16', 'fd20::/48']
  expect(reach({})).toEqual(none)
  expect(reach({ noMasquerade: networks })).toEqual({ ...none, untranslated: networks, accept: networks })
  expect(reach({ noMasquerade: networks, accept: [] })).toEqual({ ...none, untranslated: networks })
  expect(reach({ accept: ['10.0.0.0/8', '10.0.0.0/8'] })).toEqual({ ...none, accept: ['10.0.0.0/8'] })
  expect(reach({ ipMasq: false })).toEqual({ ...none, untranslated: ['0.0.0.0/0', '::/0'] })
  expect(reach({ ipMasq: false, noMasquerade: networks }).accept).toEqual(networks)
  expect(reach({ isolated: true, isDefaultGateway: true, ipMasq: true })).toEqual({
    ...none,
    ...{ isolated: true, isDefaultGateway: true },
  })
})

test('networks are written as networks, and an internal one lets nobody in', () => {
  for (const wrong of [
    { noMasquerade: ['10.244.0.1/16'] },
    { noMasquerade: ['10.244.0.0'] },
    { noMasquerade: ['nobody'] },
    { accept: ['fd20::1/48'] },
    { accept: '10.0.0.0/8' },
    { noMasquerade: ['10.0.0.0/8'], internal: true },
    { accept: ['10.0.0.0/8'], internal: true },
  ])
    expect(() => reach(wrong)).toThrow(CniError)
  expect(reach({ noMasquerade: ['10.0.0.0/8'], accept: [], internal: false }).accept).toEqual([])
})

test('a network has its group by its name, apart from those that people choose', () => {
  const context = { kernel: new FakeKernel(), paths: statePaths() }
  const groups = Array.from({ length: 500 }, (_, index) =>
    groupOf(context, new Observation(context.kernel), `net${index}`),
  )
  expect(new Set(groups).size).toBe(500)
  expect(Math.min(...groups)).toBeGreaterThanOrEqual(0x2000_0000)
  expect(Math.max(...groups)).toBeLessThan(0x4000_0000)
  expect(groupOf(context, new Observation(context.kernel), 'net7')).toBe(groups[7] as number)
})
