import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { parsePublish } from '../spec/publish.ts'
import { anyPublish, plainSpace } from '../spec/test-support.ts'
import type { Publish, ResolvedSpace } from '../spec/types.ts'
import { type Lead, leadsOf, leadsWithout } from './leads.ts'

const space = (publish: Publish[], rest: Partial<ResolvedSpace> = {}): ResolvedSpace => ({
  ...plainSpace,
  name: 'web',
  namespacePath: '/run/netns/web',
  hostInterface: 'veth-web',
  interface: 'eth0',
  gateway: '10.200.0.1',
  address: '10.200.0.2',
  prefixLength: 30,
  network: '10.200.0.0/30',
  ipv6: { gateway: 'fd00::1', address: 'fd00::2', prefixLength: 126, network: 'fd00::/126' },
  ...rest,
  publish,
})

const hostAddresses = { 4: ['127.0.0.1', '192.168.1.32'], 6: ['::1', 'fd00::1', '::ffff:1.2.3.4'] }
const addresses = (family: 4 | 6) => hostAddresses[family]

const leads = (...texts: string[]): Lead[] => leadsOf(space(texts.map(text => parsePublish(text))))

/** `192.168.1.32:8080 -> 10.200.0.2:80/tcp` */
const text = ({ hostAddress, hostPort, protocol, target, shift }: Lead): string =>
  `${hostAddress ?? '*'}:${hostPort.first}-${hostPort.last} -> ${target}+${shift}/${protocol}`

const changed = (before: string[], after: string[]): string[] =>
  leadsWithout(leads(...before), leads(...after), addresses)
    .filter(({ family }) => family === 4)
    .map(text)

test('a port leads inside in each family of the space, or in that of its address', () => {
  expect(leads('8080:80', '127.0.0.1:1', '[::1]:2').map(text)).toEqual([
    '*:8080-8080 -> 10.200.0.2+-8000/tcp',
    '*:8080-8080 -> fd00::2+-8000/tcp',
    '127.0.0.1:1-1 -> 10.200.0.2+0/tcp',
    '::1:2-2 -> fd00::2+0/tcp',
  ])
  const { ipv6: _, ...only4 } = space([parsePublish('80')])
  expect(leadsOf(only4).map(({ family }) => family)).toEqual([4])
})

test('what leads to the same place is no change, however it is written', () => {
  expect(changed(['8080:80', '9000-9010'], ['9000-9010/tcp', '8080:80'])).toEqual([])
  expect(changed(['9000-9010'], ['9000-9004', '9005', '9006-9010'])).toEqual([])
  expect(changed(['9000-9003:80-83'], ['9000:80', '9001-9003:81-83'])).toEqual([])
  expect(changed(['127.0.0.1:80'], ['80'])).toEqual([])
})

test('only the ports that changed are told', () => {
  expect(changed(['9000-9010'], ['9000-9003', '9006-9010'])).toEqual(['*:9004-9005 -> 10.200.0.2+0/tcp'])
  expect(changed(['8080:80'], ['8080:81'])).toEqual(['*:8080-8080 -> 10.200.0.2+-8000/tcp'])
  expect(changed(['53', '53/udp'], ['53/udp'])).toEqual(['*:53-53 -> 10.200.0.2+0/tcp'])
  expect(changed(['8080:80'], ['127.0.0.1:8080:80'])).toEqual([
    '192.168.1.32:8080-8080 -> 10.200.0.2+-8000/tcp',
  ])
  expect(changed(['80'], [])).toEqual(['*:80-80 -> 10.200.0.2+0/tcp'])
})

/** Where a port of an address leads, by the list. */
const target = (list: readonly Lead[], family: 4 | 6, address: string, protocol: string, port: number) =>
  list.find(
    lead =>
      lead.family === family &&
      lead.protocol === protocol &&
      (lead.hostAddress === undefined || lead.hostAddress === address) &&
      port >= lead.hostPort.first &&
      port <= lead.hostPort.last,
  )

test('told are exactly the ports that led somewhere and do not lead there any more', () => {
  const some = fc.array(anyPublish, { maxLength: 4 })
  let told = 0
  fc.assert(
    fc.property(some, some, some, (both, before, after) => {
      const [former, present] = [space([...both, ...before]), space([...after, ...both])].map(leadsOf) as [
        Lead[],
        Lead[],
      ]
      const lost = leadsWithout(former, present, addresses)
      told += lost.length
      const ports = new Set(
        [...former, ...present, ...lost].flatMap(({ hostPort: { first, last } }) => [
          first - 1,
          first,
          last,
          last + 1,
        ]),
      )
      for (const family of [4, 6] as const)
        for (const address of addresses(family))
          for (const protocol of ['tcp', 'udp', 'sctp'])
            for (const port of ports) {
              const led = former.some(
                lead =>
                  target([lead], family, address, protocol, port) !== undefined &&
                  !present.some(
                    other =>
                      target([other], family, address, protocol, port) !== undefined &&
                      other.target === lead.target &&
                      other.shift === lead.shift,
                  ),
              )
              expect(target(lost, family, address, protocol, port) !== undefined).toBe(led)
            }
    }),
  )
  expect(told).toBeGreaterThan(50)
})
