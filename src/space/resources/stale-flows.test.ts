import { describe, expect, test } from 'bun:test'
import { article, publish, spec } from '../../../test/support/up-scenarios.ts'
import type { FlowSelector, FlowTuple } from '../../linux/conntrack/index.ts'
import { FakeKernel } from '../../linux/fake.ts'
import { toUnits } from '../reconcile/apply.ts'
import { down } from '../reconcile/down.ts'
import { newHost } from '../reconcile/test-support.ts'
import type { Context } from '../reconcile/types.ts'
import { up } from '../reconcile/up.ts'
import type { SpaceSpec } from '../spec/types.ts'

/** Which selectors a plan has. */
const selectorsOf = async (context: Context, ...specs: SpaceSpec[]): Promise<FlowSelector[]> =>
  (await up(context, specs)).plan.operations.flatMap(({ change }) =>
    change.type === 'conntrack.delete' ? change.flows : [],
  )

const udp = 17
const [tcp, inside, client, host] = [6, '192.168.45.3', '192.168.1.15', '192.168.1.32']

const tuple = (
  protocol: number,
  source: string,
  sourcePort: number,
  destination: string,
  destinationPort: number,
): FlowTuple => ({ protocol, source, sourcePort, destination, destinationPort })

/** A flow through a published port: `through(17, '192.168.1.32', 53, '192.168.45.3', 5353)` */
const through = (
  protocol: number,
  address: string,
  port: number,
  target: string,
  inner: number,
  from = 40000,
) => ({
  original: tuple(protocol, client, from, address, port),
  reply: tuple(protocol, target, inner, client, from),
})

/** What is left of flows after an `up`, by the names given to them. */
const left = async (
  before: SpaceSpec[],
  flows: Record<string, { original: FlowTuple; reply?: FlowTuple }>,
  after: (context: Context) => Promise<unknown>,
): Promise<string[]> => {
  const { kernel, context } = newHost()
  await up(context, before)
  const ids = new Map(Object.entries(flows).map(([name, flow]) => [kernel.addFlow(flow).id, name]))
  await after(context)
  return kernel.flows(undefined).map(({ id }) => ids.get(id) ?? 'unknown')
}

describe('nothing is looked at', () => {
  test('where no mapping changes', async () => {
    const { context } = newHost()
    expect(await selectorsOf(context, article)).toEqual([])
    expect(await selectorsOf(context, article)).toEqual([])
    expect(await selectorsOf(context, { ...article, mtu: 1400, rate: { up: 1_000_000 } })).toEqual([])
    const more = {
      ...article,
      publish: [...article.publish, publish(443), publish({ first: 9000, last: 9009 })],
    }
    expect(await selectorsOf(context, more)).toEqual([])
  })

  test('at the first up with TCP alone, also of many spaces', async () => {
    const { context } = newHost()
    const specs = Array.from({ length: 9 }, (_, i) => spec(`s${i}`, { publish: [publish(8000 + i)] }))
    expect(await selectorsOf(context, ...specs)).toEqual([])
  })

  test('when something else is mended', async () => {
    const { kernel, context } = newHost()
    const both = { ...article, publish: [...article.publish, publish(53, 53, 'udp')] }
    await up(context, [both])
    const other = new FakeKernel(kernel.machine)
    other.change([{ type: 'sysctl.set', where: undefined, key: 'net.ipv4.ip_forward', value: '0' }])
    expect(await selectorsOf(context, both)).toEqual([])
  })
})

describe('a port that leads elsewhere', () => {
  const before = {
    ...article,
    publish: [publish(53, 5353, 'udp'), publish(80), publish({ first: 90, last: 99 })],
  }
  const flows = {
    udp: through(udp, host, 53, inside, 5353),
    loopback: through(udp, '127.0.0.1', 53, inside, 5353),
    tcp: through(tcp, host, 80, inside, 80),
    range: through(tcp, host, 95, inside, 95),
    'another port inside': through(udp, host, 53, inside, 5354),
    "somebody else's": through(udp, host, 53, '172.17.0.2', 5353),
    passing: { original: tuple(udp, client, 1, '8.8.8.8', 53) },
    outbound: {
      original: tuple(udp, inside, 5353, '8.8.8.8', 53),
      reply: tuple(udp, '8.8.8.8', 53, host, 5353),
    },
  }
  const without = (...names: string[]) => Object.keys(flows).filter(name => !names.includes(name))

  test('loses its flows, of every protocol, when it is closed', async () => {
    const closing = (...kept: SpaceSpec['publish']) =>
      left([before], flows, context => up(context, [{ ...before, publish: kept }]))
    const [dns, web, range] = before.publish as [never, never, never]
    expect(await closing(web, range)).toEqual(without('udp', 'loopback'))
    expect(await closing(dns, range)).toEqual(without('tcp'))
    expect(await closing(dns, web, publish({ first: 90, last: 94 }))).toEqual(without('range'))
    expect(await closing(dns, web, publish({ first: 90, last: 95 }))).toEqual(without())
    expect(await closing()).toEqual(without('udp', 'loopback', 'tcp', 'range'))
  })

  test('loses them when it leads to another port, or is for one address only', async () => {
    const [, web, range] = before.publish as [never, never, never]
    const changing = (dns: SpaceSpec['publish'][number]) =>
      left([before], flows, context => up(context, [{ ...before, publish: [dns, web, range] }]))
    // What is new to a port of UDP and is not answered by the space goes too.
    expect(await changing(publish(53, 5355, 'udp'))).toEqual(without('udp', 'loopback', "somebody else's"))
    expect(await changing({ ...publish(53, 5353, 'udp'), hostAddress: '127.0.0.1' })).toEqual(without('udp'))
  })

  test('leads its flows to another space', async () => {
    const other = spec('other', { address: '10.9.0.2', publish: [publish(53, 5353, 'udp')] })
    const afterwards = await left([before], flows, async context => {
      await up(context, [{ ...before, publish: before.publish.slice(1) }])
      await up(context, [other])
    })
    expect(afterwards).toEqual(without('udp', 'loopback', 'another port inside', "somebody else's"))
  })
})

describe('a port that is new', () => {
  test('of UDP or SCTP is looked for on every address of the host, whatever went to it', async () => {
    const flows = {
      'to the host': { original: tuple(udp, client, 1, host, 53) },
      'to its loopback': { original: tuple(udp, '127.0.0.1', 1, '127.0.0.1', 53) },
      'led elsewhere': through(udp, host, 53, '10.9.0.2', 53),
      'of TCP': { original: tuple(tcp, client, 1, host, 53) },
      'another port': { original: tuple(udp, client, 1, host, 54) },
      passing: { original: tuple(udp, client, 1, '8.8.8.8', 53) },
      'led there': through(udp, host, 53, inside, 53, 40001),
    }
    const dns = { ...article, publish: [publish(53, 53, 'udp')] }
    const rest = await left([spec('other')], flows, context => up(context, [dns]))
    expect(rest).toEqual(['of TCP', 'another port', 'passing', 'led there'])
  })

  test('is one selector for each address and range', async () => {
    const { kernel, context } = newHost()
    kernel.addLink('eth1', { address: '192.168.2.1/24' })
    const shifted = publish({ first: 500, last: 599 }, 1500, 'udp')
    const bound = { ...publish(7, 7, 'sctp'), hostAddress: '192.168.1.32' }
    expect(await selectorsOf(context, spec('a', { publish: [shifted, bound] }))).toEqual([
      ...['127.0.0.1', '192.168.1.32', '192.168.2.1'].map(originalDestination => ({
        family: 4 as const,
        protocol: 17,
        originalDestination,
        originalDestinationPort: { first: 500, last: 599 },
        notReplySource: '10.200.0.2',
      })),
      {
        family: 4,
        protocol: 132,
        originalDestination: '192.168.1.32',
        originalDestinationPort: { first: 7, last: 7 },
        notReplySource: '10.200.0.2',
      },
    ])
  })

  test('is new again where its element was taken out of the table', async () => {
    const { kernel, context } = newHost()
    const dns = { ...article, publish: [publish(53, 53, 'udp')] }
    await up(context, [dns])
    new FakeKernel(kernel.machine).change([
      {
        type: 'nftables.commit',
        where: undefined,
        commands: [{ type: 'table.delete', family: 'inet', table: 'natspace' }],
        generation: undefined,
      },
    ])
    const selectors = await selectorsOf(context, dns)
    expect(selectors.map(item => item.originalDestination ?? item.originalSource)).toContain(host)
    expect(selectors).toContainEqual({ originalSource: inside, originalNotTranslated: true })
  })
})

describe('another translation of the source', () => {
  const out = (source: string, from = 1) => ({
    original: tuple(udp, inside, from, '8.8.8.8', 53),
    reply: tuple(udp, '8.8.8.8', 53, source, from),
  })
  const flows = {
    masqueraded: out(host),
    'by the second': out('192.168.1.33', 2),
    untranslated: { original: tuple(udp, inside, 3, '10.200.7.2', 53) },
    "somebody else's": { original: tuple(udp, '10.200.0.2', 1, '8.8.8.8', 53), reply: out(host).reply },
  }
  const changing = async (before: Partial<SpaceSpec>, after: Partial<SpaceSpec>) => {
    const { kernel, context } = newHost()
    kernel.addLink('eth1', { address: '192.168.1.33/32' })
    await up(context, [{ ...article, ...before }])
    const ids = new Map(Object.entries(flows).map(([name, flow]) => [kernel.addFlow(flow).id, name]))
    await up(context, [{ ...article, ...after }])
    return kernel.flows(undefined).map(({ id }) => ids.get(id) ?? 'unknown')
  }
  const second = { source: { ipv4: '192.168.1.33' } }

  test('takes the flows that have the old one, and no others', async () => {
    expect(await changing({}, second)).toEqual(['by the second', 'untranslated', "somebody else's"])
    expect(await changing(second, {})).toEqual(['masqueraded', 'untranslated', "somebody else's"])
    expect(await changing(second, { source: { ipv4: host } })).toEqual([
      'masqueraded',
      'untranslated',
      "somebody else's",
    ])
    expect(await changing(second, second)).toEqual(Object.keys(flows))
  })

  test('takes those that have none, where there was none', async () => {
    const { uplink: _, ...anywhere } = article
    const { kernel, context } = newHost()
    await up(context, [{ ...anywhere, internal: true }])
    const ids = new Map(Object.entries(flows).map(([name, flow]) => [kernel.addFlow(flow).id, name]))
    await up(context, [anywhere])
    expect(kernel.flows(undefined).map(({ id }) => ids.get(id))).toEqual([
      'masqueraded',
      'by the second',
      "somebody else's",
    ])
  })
})

describe('an address that is given up', () => {
  const flows = {
    begun: { original: tuple(udp, inside, 1, '8.8.8.8', 53), reply: tuple(udp, '8.8.8.8', 53, host, 1) },
    answered: through(tcp, host, 8080, inside, 80),
    other: { original: tuple(udp, client, 1, host, 53) },
  }

  test('takes all its flows along: with the space, or when the space moves', async () => {
    expect(await left([article], flows, context => down(context, ['myspace']))).toEqual(['other'])
    const moved = { ...article, address: '192.168.45.4' }
    expect(await left([article], flows, context => up(context, [moved]))).toEqual(['other'])
  })

  test('is looked for once, however many spaces go', async () => {
    const { kernel, context } = newHost()
    const names = ['a', 'b', 'c']
    await up(
      context,
      names.map(name => spec(name, { publish: [publish(53 + names.indexOf(name))] })),
    )
    const { operations } = await down(context, names)
    const units = toUnits(operations).filter(({ change }) => change.type === 'conntrack.delete')
    expect(units).toHaveLength(1)
    expect(units[0]?.operations).toHaveLength(3)
    expect(kernel.namespaceNames()).toEqual([])
  })

  test('does so of both families, after the cable and before the record', async () => {
    const { kernel, context } = newHost()
    kernel.addLink('eth1', { address: '2001:db8::5/64' })
    await up(context, [spec('a')])
    const { operations } = await down(context, ['a'])
    const types = operations.map(({ change }) => change.type)
    expect(types.indexOf('conntrack.delete')).toBeGreaterThan(types.indexOf('link.delete'))
    expect(types.filter(type => type === 'conntrack.delete')).toHaveLength(1)
    const [deletion] = operations.filter(({ change }) => change.type === 'conntrack.delete')
    expect(deletion?.change.type === 'conntrack.delete' && deletion.change.flows).toHaveLength(4)
    expect((await down(context, ['a'])).operations).toEqual([])
  })
})
