import { expect, test } from 'bun:test'
import { type Flow, type FlowTuple, flowText } from '../../../src/linux/conntrack/index.ts'
import { NamespaceError } from '../../../src/linux/sys/namespace.ts'
import type { NewStage, Stage } from './stage.ts'

const client = '192.168.1.15'
const host = '192.168.1.32'
const inner = '192.168.45.3'

const udp = (
  source: string,
  sourcePort: number,
  destination: string,
  destinationPort: number,
): FlowTuple => ({
  source,
  destination,
  protocol: 17,
  sourcePort,
  destinationPort,
})

/** Published as the same port of `inner`. */
const published = (port: number) => ({
  original: udp(client, 40000 + port, host, port),
  reply: udp(inner, port, client, 40000 + port),
})

/** The original tuple and the source of the answers: 'client:1>host:53 53' */
const short = ({ original, reply }: Flow): string =>
  `${original.source}:${original.sourcePort}>${original.destination}:${original.destinationPort} ${reply.source}`

const shorts = (stage: Stage, where: string) => stage.kernel.flows(where).map(short).sort()

/** A namespace with two published flows, one to the host itself, one of IPv6 and a ping. */
const place = (stage: Stage): string => {
  const where = stage.namespace('one')
  for (const port of [53, 54]) stage.track(published(port), where)
  stage.track({ original: udp(client, 40000, host, 53) }, where)
  stage.track({ original: udp('fd00::15', 40000, 'fd00::32', 53), mark: 7 }, where)
  const icmp = { type: 8, code: 0, id: 29610 }
  stage.track({ original: { source: inner, destination: client, protocol: 1, icmp } }, where)
  return where
}

export function flowTests(newStage: NewStage): void {
  test('a new namespace has none', () => {
    const stage = newStage()
    expect(stage.kernel.flows(stage.namespace('one'))).toEqual([])
    expect(() => stage.kernel.flows(stage.path('none'))).toThrow(NamespaceError)
  })

  test('they are listed with both tuples', () => {
    const stage = newStage()
    const where = place(stage)
    const flows = stage.kernel.flows(where)
    const translated = flows.find(({ original }) => original.sourcePort === 40053)
    expect(translated).toMatchObject({ family: 4, ...published(53), mark: 0, zone: 0 })
    expect(flows.find(({ family }) => family === 6)).toMatchObject({
      original: udp('fd00::15', 40000, 'fd00::32', 53),
      reply: udp('fd00::32', 53, 'fd00::15', 40000),
      mark: 7,
    })
    expect(flows.find(({ original }) => original.protocol === 1)?.reply).toEqual({
      source: client,
      destination: inner,
      protocol: 1,
      icmp: { type: 0, code: 0, id: 29610 },
    })
    expect(flows).toHaveLength(5)
    expect(new Set(flows.map(({ id }) => id)).size).toBe(5)
    expect(flows.map(flowText).join('\n')).toContain(
      `src=${client} dst=${host} sport=40053 dport=53 [UNREPLIED] src=${inner} dst=${client} sport=53 dport=40053`,
    )
    expect(stage.kernel.flows(stage.namespace('two'))).toEqual([])
    expect(stage.kernel.writes).toBe(2)
  })

  test('those that a selector matches', () => {
    const stage = newStage()
    const where = place(stage)
    const { kernel } = stage
    const list = (filter: Parameters<typeof kernel.flows>[1]) => kernel.flows(where, filter).map(short).sort()
    const [toHost, to53, to54] = [
      `${client}:40000>${host}:53 ${host}`,
      `${client}:40053>${host}:53 ${inner}`,
      `${client}:40054>${host}:54 ${inner}`,
    ]
    const port = { first: 53, last: 53 }
    expect(list({ originalDestination: host })).toEqual([toHost, to53, to54])
    expect(list({ originalDestination: host, protocol: 6 })).toEqual([])
    expect(list({ originalDestination: host, protocol: 17, originalDestinationPort: port })).toEqual([
      toHost,
      to53,
    ])
    expect(list({ originalDestination: host, originalDestinationPort: { first: 54, last: 60 } })).toEqual([
      to54,
    ])
    expect(list({ replySource: inner, replySourcePort: port })).toEqual([to53])
    expect(list({ protocol: 17, replySource: inner, replySourcePort: port })).toEqual([to53])
    expect(list({ protocol: 17, originalDestination: host, notReplySource: inner })).toEqual([toHost])
    expect(list({ originalSource: client, destinationTranslated: true })).toEqual([to53, to54])
    expect(list({ originalSource: client, originalNotTranslated: true })).toEqual([toHost])
    expect(kernel.flows(where, { family: 6 })).toHaveLength(1)
    expect(kernel.flows(where, { protocol: 1 })).toHaveLength(1)
  })

  test('those that any selector matches are deleted, and no others', () => {
    const stage = newStage()
    const where = place(stage)
    const before = shorts(stage, where)
    const deletion = {
      type: 'conntrack.delete',
      where,
      flows: [
        { protocol: 17, originalDestination: host, notReplySource: inner },
        { protocol: 17, originalDestinationPort: { first: 54, last: 60 } },
      ],
    } as const
    stage.must({ ...deletion, flows: [...deletion.flows] })
    const gone = [`${client}:40000>${host}:53 ${host}`, `${client}:40054>${host}:54 ${inner}`]
    expect(shorts(stage, where)).toEqual(before.filter(text => !gone.includes(text)))
    // Again: it is fine when there are none.
    stage.must({ ...deletion, flows: [...deletion.flows] })
    expect(shorts(stage, where)).toHaveLength(3)
  })

  test('of the same tuples in two zones, both are deleted', () => {
    const stage = newStage()
    const where = stage.namespace('one')
    for (const zone of [0, 5]) stage.track({ original: udp(client, 1, host, 53), zone }, where)
    const flows = stage.kernel.flows(where, { originalDestination: host })
    expect(flows.map(({ zone }) => zone).sort()).toEqual([0, 5])
    stage.must({ type: 'conntrack.delete', where, flows: [{ originalDestination: host }] })
    expect(stage.kernel.flows(where)).toEqual([])
  })

  test('more than one send holds', () => {
    const stage = newStage()
    const where = stage.namespace('one')
    for (let port = 1; port <= 200; port++) stage.track({ original: udp(client, port, host, 53) }, where)
    stage.track({ original: udp(client, 1, host, 54) }, where)
    const flows = [{ protocol: 17, originalDestinationPort: { first: 53, last: 53 } }]
    stage.must({ type: 'conntrack.delete', where, flows })
    expect(shorts(stage, where)).toEqual([`${client}:1>${host}:54 ${host}`])
  })

  test('nobody is asked to delete everything, or nothing', () => {
    const stage = newStage()
    const where = place(stage)
    expect(stage.change({ type: 'conntrack.delete', where, flows: [{ protocol: 17 }, {}] })).toEqual([
      'RangeError',
    ])
    expect(stage.change({ type: 'conntrack.delete', where, flows: [] })).toEqual(['done'])
    expect(stage.kernel.flows(where)).toHaveLength(5)
    const none = stage.path('none')
    expect(stage.change({ type: 'conntrack.delete', where: none, flows: [{ protocol: 17 }] })).toEqual([
      'NamespaceError',
    ])
  })
}
