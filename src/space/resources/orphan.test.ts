import { describe, expect, test } from 'bun:test'
import { spec } from '../../../test/support/up-scenarios.ts'
import { Observation } from '../reconcile/observation.ts'
import { newHost } from '../reconcile/test-support.ts'
import { up } from '../reconcile/up.ts'
import { formatPublish, parsePublish } from '../spec/publish.ts'
import { currentBoot } from '../state/records.ts'
import { orphanOf } from './orphan.ts'

describe('a space whose record is lost', () => {
  test('publishes what it published, by the families by which it did', async () => {
    const { kernel, context } = newHost()
    const texts = [
      '8080:80',
      '0.0.0.0:8081:81',
      '[::]:8082:82',
      '[::]:9000-9002',
      '192.168.1.32:83',
      '[::1]:84',
    ]
    await up(context, [spec('web', { ipv6: 'on', publish: texts.map(text => parsePublish(text)) })])
    const found = orphanOf(new Observation(kernel), currentBoot(kernel), 'web')
    expect(found?.space.publish.map(formatPublish).toSorted()).toEqual(texts.toSorted())
  })

  test('keeps the addresses of IPv6 that were asked for', async () => {
    const { kernel, context } = newHost()
    const asked = spec('web', { ipv6: 'on', gateway6: 'fd00:45::2/64', address6: 'fd00:45::3' })
    const { plan } = await up(context, [asked])
    kernel.machine.files.remove(`${context.paths.spaces}/web.json`)
    const again = await up(context, [spec('web', { ipv6: 'on' })])
    expect(again.plan.spaces[0]?.ipv6).toEqual(plan.spaces[0]?.ipv6)
    expect(again.plan.spaces[0]?.ipv6?.network).toBe('fd00:45::/64')
  })
})
