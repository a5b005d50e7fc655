import { describe, expect, test } from 'bun:test'
import { spec } from '../../../test/support/up-scenarios.ts'
import { NatspaceError } from '../errors.ts'
import { Observation } from '../reconcile/observation.ts'
import { newHost } from '../reconcile/test-support.ts'
import { planUp, up } from '../reconcile/up.ts'
import { parsePublish } from '../spec/publish.ts'
import type { ResolvedSpace } from '../spec/types.ts'
import { checkPublishedElsewhere } from './elements.ts'

/** What happens to a space that wants `later` where another one, or an earlier self, has `earlier`. */
const outcome = async (
  earlier: readonly string[],
  later: readonly string[],
  { same = false } = {},
): Promise<string> => {
  const { kernel, context } = newHost()
  await up(context, [spec('web', { ipv6: 'on', publish: earlier.map(text => parsePublish(text)) })])
  const name = same ? 'web' : 'other'
  // Resolved without what it publishes, as this check would stand in the way.
  const [resolved] = planUp(context, [spec(name, { ipv6: 'on' })]).spaces as [ResolvedSpace]
  const space = { ...resolved, publish: later.map(text => parsePublish(text)) }
  try {
    checkPublishedElsewhere(new Observation(kernel), [space], new Map())
    return 'free'
  } catch (error) {
    if (!(error instanceof NatspaceError)) throw error
    return `${error.code}: ${error.why}`
  }
}

describe('a port of another space is taken, however either of them is written', () => {
  const cases: [string, string, string][] = [
    ['8080:80', '8080:81', '8080'],
    ['8080:80', '127.0.0.1:8080:80', '8080'],
    ['127.0.0.1:8080:80', '8080:80', '127.0.0.1:8080'],
    ['[::1]:8080:80', '8080:80', '[::1]:8080'],
    ['9000-9010', '9005:80', '9000-9010'],
    ['9005:80', '9000-9010', '9005'],
    ['9000-9010', '9010-9020:80-90', '9000-9010'],
    ['9000-9010:80-90', '9010-9020', '9000-9010'],
    ['192.168.1.32:9000-9010', '9000-9010', '192.168.1.32:9000-9010'],
    ['9000-9010/udp', '192.168.1.32:9001:80/udp', '9000-9010/udp'],
    ['9000/sctp', '[::1]:9000/sctp', '9000/sctp'],
  ]
  for (const [earlier, later, port] of cases)
    test(`${earlier}, then ${later}`, async () => {
      expect(await outcome([earlier], [later])).toStartWith(
        `PORT_TAKEN: ${port} is published already, for the space web (`,
      )
    })
})

describe('another port is free', () => {
  const cases: [string[], string[]][] = [
    [['8080:80'], ['8080:80/udp']],
    [['8080:80'], ['8081:80', '8079:80']],
    [['192.168.1.32:8080:80'], ['127.0.0.1:8080:80', '[::1]:8080:80']],
    [
      ['9000-9010', '9011-9020:80-89'],
      ['9021-9030', '8000-8999:1-1000'],
    ],
    [[], ['8080:80']],
  ]
  for (const [earlier, later] of cases)
    test(`${earlier.join(' ') || 'nothing'}, then ${later.join(' ')}`, async () => {
      expect(await outcome(earlier, later)).toBe('free')
    })

  test('to the space that has it', async () => {
    expect(await outcome(['8080:80', '9000-9010'], ['8080:81', '9005'], { same: true })).toBe('free')
  })
})
