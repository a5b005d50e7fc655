import { expect, test } from 'bun:test'
import { NetlinkError } from '../../../src/linux/netlink/errors.ts'
import type { RouteQuery } from '../../../src/linux/rtnetlink/route.ts'
import { type Cable, type End, type NewStage, routeText, type Stage } from './stage.ts'

const add = (end: End, destination: string, gateway?: string) =>
  ({ type: 'route.add', ...end, destination, gateway }) as const
const remove = (end: End, destination: string, gateway?: string) =>
  ({ type: 'route.delete', ...end, destination, gateway }) as const
const everywhere = '0.0.0.0/0'

/** The two ends of a cable with 10.1.1.1 and 10.1.1.2, up. */
const network = (stage: Stage): Cable => {
  const cable = stage.cable({ up: true })
  const address = { type: 'address.add', prefixLength: 24 } as const
  stage.must(
    { ...address, ...cable.left, address: '10.1.1.1' },
    { ...address, ...cable.right, address: '10.1.1.2' },
  )
  return cable
}

const mainOf = (stage: Stage, end: End) =>
  stage.kernel
    .routes(end.where)
    .filter(route => route.table === 254)
    .map(routeText)

const connected = 'unicast 10.1.1.0/24 dev 10 table 254 proto 2 scope 253 src 10.1.1.1'

export function routeTests(newStage: NewStage): void {
  test('routes by a gateway and by a link are added and removed', () => {
    const stage = newStage()
    const { left } = network(stage)
    stage.must(add(left, everywhere, '10.1.1.2'), add(left, '10.7.0.0/16'))
    expect(stage.kernel.routes(left.where).find(route => route.destination === everywhere)).toEqual({
      family: 4,
      destination: everywhere,
      gateway: '10.1.1.2',
      outputIndex: 10,
      preferredSource: undefined,
      priority: undefined,
      table: 254,
      protocol: 3,
      scope: 0,
      type: 1,
    })
    expect(mainOf(stage, left)).toEqual([
      'unicast 0.0.0.0/0 via 10.1.1.2 dev 10 table 254 proto 3 scope 0',
      connected,
      'unicast 10.7.0.0/16 dev 10 table 254 proto 3 scope 253',
    ])
    stage.must(remove(left, everywhere, '10.1.1.2'), remove(left, '10.7.0.0/16'))
    expect(mainOf(stage, left)).toEqual([connected])
  })

  test('a source, a metric, a table and what it carries', () => {
    const stage = newStage()
    const { left } = network(stage)
    const facts = { preferredSource: '10.1.1.1', priority: 7, mtu: 1400, advertisedMss: 1300 }
    const [one, other] = [add(left, '10.7.0.0/16', '10.1.1.2'), add(left, '10.8.0.0/16', '10.1.1.2')]
    stage.must(one, { ...one, ...facts }, { ...other, table: 100 }, { ...other, table: 1000 })
    const found = stage.kernel
      .routes(left.where)
      .filter(({ destination }) => /^10[.][78]/.test(destination))
      .map(routeText)
    const by = 'via 10.1.1.2 dev 10 table'
    expect(found.toSorted()).toEqual([
      `unicast 10.7.0.0/16 ${by} 254 proto 3 scope 0`,
      `unicast 10.7.0.0/16 ${by} 254 proto 3 scope 0 src 10.1.1.1 metric 7`,
      `unicast 10.8.0.0/16 ${by} 100 proto 3 scope 0`,
      `unicast 10.8.0.0/16 ${by} 1000 proto 3 scope 0`,
    ])
    stage.must({ ...one, ...facts, type: 'route.delete' }, { ...other, table: 1000, type: 'route.delete' })
    expect(mainOf(stage, left)).toContain(`unicast 10.7.0.0/16 ${by} 254 proto 3 scope 0`)
    expect(stage.kernel.routes(left.where).filter(({ table }) => table === 1000)).toEqual([])
  })

  test('refusals', () => {
    const stage = newStage()
    const { left } = network(stage)
    stage.must(add(left, everywhere, '10.1.1.2'))
    const cases: [string, ReturnType<typeof add> | ReturnType<typeof remove>][] = [
      ['EEXIST', add(left, everywhere, '10.1.1.2')],
      ['EEXIST', add(left, everywhere, '10.1.1.9')],
      ['EEXIST', add(left, '10.1.1.0/24')],
      ['ENETUNREACH', add(left, '10.8.0.0/16', '10.9.9.9')],
      ['ENETUNREACH', add({ ...left, index: 99 }, '10.8.0.0/16', '10.1.1.2')],
      ['ENODEV', add({ ...left, index: 99 }, '10.8.0.0/16')],
      ['EINVAL', add(left, '10.8.0.1/16', '10.1.1.2')],
      ['ESRCH', remove(left, '10.8.0.0/16', '10.1.1.2')],
      ['ESRCH', remove(left, everywhere, '10.1.1.9')],
      ['ESRCH', remove({ ...left, index: 99 }, everywhere, '10.1.1.2')],
    ]
    for (const [code, change] of cases)
      expect({ change, code: stage.change(change)[0] }).toEqual({ change, code })
  })

  test('nothing leads over a link that is down, and routes do not come back with it', () => {
    const stage = newStage()
    const { left } = network(stage)
    stage.must(add(left, everywhere, '10.1.1.2'))
    stage.must({ type: 'link.set', ...left, up: false })
    expect(mainOf(stage, left)).toEqual([])
    expect(stage.change(add(left, everywhere, '10.1.1.2'))).toEqual(['ENETUNREACH'])
    expect(stage.change(add(left, '10.7.0.0/16'))).toEqual(['ENETDOWN'])
    stage.must({ type: 'link.set', ...left, up: true })
    expect(mainOf(stage, left)).toEqual([connected])
  })

  test('a refusal comes with the words of the kernel', () => {
    const stage = newStage()
    const { left } = network(stage)
    const [outcome] = stage.kernel.change([add(left, everywhere, '10.9.9.9')])
    expect(outcome).toMatchObject({ cause: { kernelMessage: 'Nexthop has invalid gateway' } })
    expect((outcome as Error).cause).toBeInstanceOf(NetlinkError)
  })

  test('with the last address of a link all its routes go', () => {
    const stage = newStage()
    const { left } = network(stage)
    const second = { type: 'address.add', ...left, address: '10.2.2.1', prefixLength: 30 } as const
    stage.must(second, add(left, everywhere, '10.1.1.2'))
    stage.must({ type: 'address.delete', ...left, address: '10.1.1.1', prefixLength: 24 })
    expect(mainOf(stage, left).length).toBe(2)
    stage.must({ ...second, type: 'address.delete' })
    expect(mainOf(stage, left)).toEqual([])
  })

  test('routes of IPv6', () => {
    const stage = newStage()
    const { left, right } = stage.cable({ ipv6: true, up: true })
    stage.must({ type: 'address.add', ...left, address: 'fd00::1', prefixLength: 64 })
    stage.must(add(left, '::/0', 'fd00::2'), add(left, 'fd07::/48'))
    const own = stage.kernel.routes(left.where).filter(route => route.protocol === 3)
    expect(own.map(routeText)).toEqual([
      'unicast fd07::/48 dev 10 table 254 proto 3 scope 0 metric 1024',
      'unicast ::/0 via fd00::2 dev 10 table 254 proto 3 scope 0 metric 1024',
    ])
    expect(stage.change(add(left, '::/0', 'fd00::3'))).toEqual(['EEXIST'])
    expect(stage.change(add(left, 'fd08::/48', 'fd99::1'))).toEqual(['EHOSTUNREACH'])
    expect(stage.change(remove(left, 'fd09::/48'))).toEqual(['ESRCH'])
    stage.must({
      type: 'sysctl.set',
      where: right.where,
      key: 'net.ipv6.conf.right.disable_ipv6',
      value: '1',
    })
    expect(stage.change(add(right, 'fd07::/48'))).toEqual(['EACCES'])
    stage.must(remove(left, '::/0', 'fd00::2'))
  })

  test('the decision for a packet', () => {
    const stage = newStage()
    const { left } = network(stage)
    const { where } = left
    stage.must({ type: 'link.set', where, name: 'lo', index: 1, up: true }, add(left, everywhere, '10.1.1.2'))
    const ask = (query: RouteQuery) => routeText(stage.kernel.lookUpRoute(where, query))
    const decided = 'table 254 proto 0 scope 0'
    expect(ask({ destination: '10.1.1.9' })).toBe(`unicast 10.1.1.9/32 dev 10 ${decided} src 10.1.1.1`)
    expect(ask({ destination: '8.8.8.8' })).toBe(
      `unicast 8.8.8.8/32 via 10.1.1.2 dev 10 ${decided} src 10.1.1.1`,
    )
    expect(ask({ destination: '8.8.8.8', source: '10.1.1.1' })).toBe(
      `unicast 8.8.8.8/32 via 10.1.1.2 dev 10 ${decided}`,
    )
    expect(ask({ destination: '10.1.1.1' })).toBe(
      'local 10.1.1.1/32 dev 1 table 254 proto 0 scope 0 src 10.1.1.1',
    )
    expect(ask({ destination: '10.1.1.255' })).toBe(
      'broadcast 10.1.1.255/32 dev 10 table 254 proto 0 scope 0 src 10.1.1.1',
    )
    expect(ask({ destination: '8.8.8.8', outputIndex: 10 })).toContain('via 10.1.1.2')
  })

  test('the decision for a packet that comes in depends on forwarding and the reverse path', () => {
    const stage = newStage()
    const { left } = network(stage)
    const { where } = left
    stage.must(add(left, everywhere, '10.1.1.2'))
    const ask = (source: string) => {
      try {
        return stage.kernel.lookUpRoute(where, { destination: '8.8.8.8', source, inputIndex: 10 }).gateway
      } catch (error) {
        return error instanceof NetlinkError ? error.code : error
      }
    }
    const set = (key: string, value: string) => stage.must({ type: 'sysctl.set', where, key, value })
    set('net.ipv4.ip_forward', '0')
    expect(ask('10.1.1.7')).toBe('EHOSTUNREACH')
    set('net.ipv4.ip_forward', '1')
    expect(ask('10.1.1.7')).toBe('10.1.1.2')
    stage.must(remove(left, everywhere, '10.1.1.2'), add(left, '8.0.0.0/8', '10.1.1.2'))
    set('net.ipv4.conf.left.rp_filter', '1')
    // Older kernels say EXDEV.
    expect(['EINVAL', 'EXDEV']).toContain(ask('10.99.0.1') as string)
    expect(ask('10.1.1.7')).toBe('10.1.1.2')
  })

  test('there may be no way, and no link', () => {
    const stage = newStage()
    const where = stage.namespace('one')
    const ask = (query: RouteQuery) => {
      try {
        return stage.kernel.lookUpRoute(where, query)
      } catch (error) {
        return (error as NetlinkError).code
      }
    }
    expect(ask({ destination: '8.8.8.8' })).toBe('ENETUNREACH')
    expect(ask({ destination: '8.8.8.8', outputIndex: 99 })).toBe('ENODEV')
    expect(ask({ destination: '8.8.8.8', source: '10.0.0.1' })).toBe('ENETUNREACH')
    expect(ask({ destination: '2001:db8::1' })).toBe('ENETUNREACH')
  })
}
