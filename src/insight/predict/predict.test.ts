import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import {
  address,
  base,
  facts,
  link,
  type Otherwise,
  route,
  table,
} from '../../../test/support/predict-facts.ts'
import {
  accept,
  ct,
  dnat,
  drop,
  goTo,
  inSet,
  ip,
  limit,
  masquerade,
  match,
  meta,
  type Operand,
  range,
  redirect,
  reject,
  type Statement,
  set,
  snat,
  type Table,
  tcp,
  th,
} from '../../linux/nftables/index.ts'
import { asState } from '../../linux/nftables/sets/set-fields.ts'
import type { PredictedFlow } from './flow.ts'
import { predict, predictIncoming } from './predict.ts'
import type { Prediction } from './prediction.ts'

const web: PredictedFlow = { family: 4, protocol: 'tcp', destination: '198.51.100.7', port: 80 }
const echo: PredictedFlow = { family: 4, protocol: 'icmp', destination: '198.51.100.7', sourcePort: 77 }

/** Everything that leaves by eth0 is translated. */
const nat = table('nat', [[base('postrouting', 100, 'nat'), [match(meta('oifname'), 'eth0'), masquerade()]]])

const of = (otherwise: Otherwise, flow: PredictedFlow = web): Prediction =>
  predict(facts({ ...otherwise, host: [nat, ...(otherwise.host ?? [])] }), flow)

const forward = (...rules: Statement[][]): Table => table('mine', [[base('forward'), ...rules]])

const outside = ({ points }: Prediction): string => {
  const header = points[2]?.request?.header
  return header === undefined ? '-' : `${header.source} ${header.sourcePort ?? '?'}`
}

describe('a flow that passes', () => {
  test('is known in every step, but for the port that is chosen', () => {
    const prediction = of({})
    expect(prediction.end).toMatchObject({ outcome: 'delivered', at: { interface: 'eth0' }, doubts: [] })
    expect(prediction.events.map(({ packet, hook, kind }) => `${packet} ${hook} ${kind}`)).toEqual([
      'request routing routing',
      'request prerouting conntrack',
      'request routing routing',
      'request postrouting chain',
      'reply prerouting conntrack',
      'reply routing routing',
      'reply routing routing',
    ])
    expect(outside(prediction)).toBe('192.0.2.1 ?')
    expect(outside(of({}, { ...web, sourcePort: 4000 }))).toBe('192.0.2.1 4000')
    expect(prediction.connection?.reply).toEqual({
      source: '198.51.100.7',
      destination: '192.0.2.1',
      protocol: 6,
      sourcePort: 80,
    })
  })

  test('keeps the identifier of an echo, and says that it may not be free', () => {
    const { connection, notes } = of({}, echo)
    expect(connection?.reply.icmp).toEqual({ type: 0, code: 0, id: 77 })
    expect(notes).toEqual(['ICMP identifier 77 is kept outside, unless another connection has it already'])
  })

  test('without a translation ends where it leaves: nobody knows the way back', () => {
    const { end, notes, points } = predict(facts(), web)
    expect(end.outcome).toBe('delivered')
    expect(notes[0]).toStartWith(
      'no translation would happen: it would leave by eth0 with its inside source 10.0.0.2',
    )
    expect(points[2]?.reply).toBeUndefined()
  })

  test('to the host itself, and back', () => {
    const { end, points } = of({}, { ...web, destination: '10.0.0.1' })
    expect(end).toMatchObject({ outcome: 'delivered', reason: 'this host would take it itself' })
    expect(points[0]?.reply?.header).toMatchObject({
      source: '10.0.0.1',
      destination: '10.0.0.2',
      tcpFlags: 18,
    })
  })
})

describe('translations', () => {
  const translated = (hook: 'prerouting' | 'postrouting', statements: Statement[], flow = web) =>
    predict(
      facts({ host: [table('own', [[base(hook, hook === 'prerouting' ? -100 : 100, 'nat'), statements]])] }),
      flow,
    )

  test('draw ports, keep those of a range, or take the one that is given', () => {
    const [first, last] = [40_000, 40_010]
    const to = (options: Parameters<typeof masquerade>[0], sourcePort: number) =>
      outside(
        translated('postrouting', [match(meta('l4proto'), 'tcp'), masquerade(options)], {
          ...web,
          sourcePort,
        }),
      )
    expect(to({}, 5000)).toBe('192.0.2.1 5000')
    expect(to({ ports: { first, last } }, 5000)).toBe('192.0.2.1 ?')
    expect(to({ ports: { first, last } }, 40_005)).toBe('192.0.2.1 40005')
    expect(to({ ports: { first, last: first } }, 5000)).toBe('192.0.2.1 40000')
    expect(to({ fullyRandom: true }, 5000)).toBe('192.0.2.1 ?')
  })

  test('a port that is drawn from a range is not outside of it', () => {
    const guarded = (port: number) =>
      predict(
        facts({
          host: [
            table('own', [
              [
                base('postrouting', 100, 'nat'),
                [
                  match(meta('l4proto'), 'tcp'),
                  masquerade({ ports: { first: 32_768, last: 60_999 }, fullyRandom: true }),
                ],
              ],
              [base('postrouting', 200), [match(th('sport'), port), drop()]],
            ]),
          ],
        }),
        web,
      ).end.outcome
    expect(guarded(8080)).toBe('delivered')
    expect(guarded(40_000)).toBe('unknown')
  })

  test('lead elsewhere, and routing follows', () => {
    const { points, end } = translated('prerouting', [
      match(tcp('dport'), 80),
      dnat('ip', { address: '192.0.2.9', port: 8080 }),
    ])
    expect(points[2]?.request?.header).toMatchObject({ destination: '192.0.2.9', destinationPort: 8080 })
    expect(end.outcome).toBe('delivered')
    const own = translated('prerouting', [match(tcp('dport'), 80), redirect(3128)])
    expect(own.end.reason).toBe('this host would take it itself')
    expect(own.connection?.reply).toMatchObject({ source: '10.0.0.1', sourcePort: 3128 })
  })

  test('to an address that is chosen among several are not guessed', () => {
    const { end } = translated('postrouting', [
      snat('ip', range('192.0.2.5', '192.0.2.9') as unknown as Operand),
    ])
    expect(end).toMatchObject({
      outcome: 'unknown',
      reason: 'the address that it is translated to is chosen at the time',
    })
  })

  test('of a masquerade take the address whose subnet holds the next hop, and no secondary one', () => {
    const addresses = [
      address(6, '203.0.113.5', 24),
      address(6, '192.0.2.3', 24, 1),
      address(6, '192.0.2.1', 24),
      address(5, '10.0.0.1', 24),
    ]
    expect(outside(of({ hostFacts: { addresses } }))).toBe('192.0.2.1 ?')
    const { end } = of({ hostFacts: { addresses: [] } })
    expect(end).toMatchObject({
      outcome: 'dropped',
      reason: 'eth0 has no address of IPv4 to masquerade with',
    })
  })
})

describe('what cannot be known', () => {
  test('is named, and followed both ways', () => {
    const { end } = of({ host: [forward([limit(5, 'second'), accept()], [drop()])] })
    expect(end).toMatchObject({
      outcome: 'unknown',
      at: { hook: 'forward', chain: 'inet mine filter-forward-0' },
      doubts: [{ expression: 'limit rate 5/second', ifNot: expect.stringMatching(/^dropped: /) }],
    })
    expect(end.doubts[0]?.ifApplies).toStartWith('delivered: ')
  })

  test('does not matter where it makes no difference', () => {
    const { end } = of({ host: [forward([limit(5, 'second'), accept()])] })
    expect(end.outcome).toBe('delivered')
    expect(of({ host: [forward([limit(5, 'second'), reject()], [drop()])] }).end).toMatchObject({
      outcome: 'unknown',
      reason: 'it would be stopped, but by which rule is not known',
    })
  })

  test('is a program that decides', () => {
    const mine = forward([])
    mine.chains[0]?.rules.push({
      handle: 999n,
      instructions: [{ name: 'queue', data: { number: 3, total: 1 } }],
    })
    expect(of({ host: [mine] }).end).toMatchObject({
      outcome: 'unknown',
      reason: 'a program decides about it (queue)',
      doubts: [{ rule: expect.stringContaining('queue') }],
    })
  })

  test('is what a rule of an earlier hook has added to a set', () => {
    const seen = asState({ name: 'seen', key: ['ipv4_addr'], flags: { dynamic: true } })
    const mine = table(
      'mine',
      [
        [base('prerouting', -150)],
        [base('forward'), [match(ip('saddr'), inSet('seen')), accept()], [drop()]],
      ],
      { sets: [seen] },
    )
    expect(of({ host: [mine] }).end.outcome).toBe('dropped')
    mine.chains[0]?.rules.push({
      handle: 998n,
      instructions: [
        { name: 'payload', data: { dreg: 1, base: 'network', offset: 12, length: 4 } },
        { name: 'dynset', data: { set: 'seen', operation: 'add', keyRegister: 1 } as never },
      ],
    })
    expect(of({ host: [mine] }).end.outcome).toBe('unknown')
  })

  test('is a rule of policy routing that asks for a port', () => {
    const rules = [
      {
        family: 4 as const,
        priority: 10,
        source: 'all',
        destination: 'all',
        inputName: undefined,
        outputName: undefined,
        mark: undefined,
        markMask: undefined,
        table: 100,
        action: 1,
        inverted: false,
        otherConditions: ['sport'],
      },
    ]
    const prediction = of({ hostFacts: { rules } })
    expect(prediction.end).toMatchObject({
      outcome: 'unknown',
      reason: 'rules of policy routing ask for its source port, which is not known',
    })
    expect(of({ hostFacts: { rules } }, { ...web, sourcePort: 1 }).end.outcome).toBe('delivered')
  })

  test('is said of what stands on the way and is not evaluated', () => {
    const { unseen } = of({
      hostFacts: {
        links: [
          link(1, 'lo'),
          link(5, 'veth1', { xdp: true }),
          link(6, 'eth0', { master: 9 }),
          link(9, 'br0', { kind: 'bridge' }),
        ],
        legacy: { 4: ['filter'], 6: 'unreadable' },
        disciplines: [{ index: 6, kind: 'clsact' }],
      },
    })
    expect(unseen).toEqual([
      'the rules of iptables-legacy (filter)',
      'the XDP program of veth1',
      'filters and actions of tc at eth0',
      'what the bridge br0 does with frames',
    ])
  })
})

describe('what stops it', () => {
  test('at the hooks of links', () => {
    const ingress = (hook: 'ingress' | 'egress', device: string) =>
      of({
        host: [
          table(
            'dev',
            [[{ ...base(hook), devices: [device] }, [match(ip('daddr'), '198.51.100.7'), drop()]]],
            {
              family: 'netdev',
            },
          ),
        ],
      }).end
    expect(ingress('ingress', 'veth1')).toMatchObject({ outcome: 'dropped', at: { hook: 'ingress' } })
    expect(ingress('egress', 'eth0')).toMatchObject({ outcome: 'dropped', at: { hook: 'egress' } })
    expect(ingress('ingress', 'eth0').outcome).toBe('delivered')
  })

  test('a rule that a mark leads to, wherever it was set', () => {
    const marked = (hook: 'prerouting' | 'output') => ({
      [hook === 'output' ? 'inside' : 'host']: [
        table('marks', [[base(hook, -150), [set(meta('mark'), 5)]]]),
        table('late', [[base('postrouting', 300), [match(meta('mark'), 5), drop()]]]),
      ],
    })
    expect(of(marked('prerouting')).end).toMatchObject({ outcome: 'dropped', at: { hook: 'postrouting' } })
    expect(of(marked('output')).end).toMatchObject({ outcome: 'dropped', at: { point: 'inside' } })
    // A cable takes marks off.
    const inside = [table('marks', [[base('output', -150), [set(meta('mark'), 5)]]])]
    expect(of({ inside, host: [forward([match(meta('mark'), 5), drop()])] }).end.outcome).toBe('delivered')
  })

  test('settings and links', () => {
    const reason = (otherwise: Otherwise, flow = web) => of(otherwise, flow).end.reason
    const longer = { ...web, protocol: 'udp', payloadLength: 1400 } as const
    const small = [link(1, 'lo'), link(5, 'veth1'), link(6, 'eth0', { mtu: 1280 })]
    expect(reason({ hostFacts: { links: small } }, longer)).toBe(
      'its 1428 bytes do not fit into eth0 (MTU 1280), and it must not be split',
    )
    expect(reason({ hostFacts: { links: small } })).toStartWith('it would leave by eth0')
    expect(reason({ hostFacts: { links: [link(1, 'lo'), link(6, 'eth0')] } })).toBe('veth1 is not there')
    expect(reason({ hostFacts: { addresses: [], routes: [route('0.0.0.0/0', 6)] } })).toBe(
      'nobody at the other end of eth0 answers for 10.0.0.1, the next hop: it is no address of this host',
    )
  })
})

describe('from outside', () => {
  const visit = { source: '198.51.100.7', destination: '192.0.2.1', protocol: 'tcp', port: 8080 } as const
  const publish = table('publish', [
    [
      base('prerouting', -100, 'nat'),
      [match(tcp('dport'), 8080), dnat('ip', { address: '10.0.0.2', port: 80 })],
    ],
  ])

  test('a published port leads into the space, and the answer back', () => {
    const { end, points, direction, connection } = predictIncoming(facts({ host: [publish] }), visit)
    expect(direction).toBe('in')
    expect(end).toMatchObject({ outcome: 'delivered', reason: 'it would reach the space as 10.0.0.2:80' })
    expect(points[0]?.request?.header).toMatchObject({ destination: '10.0.0.2', destinationPort: 80 })
    expect(points[2]?.reply?.header).toMatchObject({ source: '192.0.2.1', sourcePort: 8080 })
    expect(connection?.reply).toMatchObject({ source: '10.0.0.2', sourcePort: 80 })
  })

  test('another one does not, and rules may be in the way', () => {
    const at = (port: number, host: Table[]) => predictIncoming(facts({ host }), { ...visit, port }).end
    expect(at(81, [publish]).reason).toBe('this host would take it itself: nothing leads it to the space')
    expect(at(8080, [publish, forward([match(ct('status'), 'dnat'), drop()])])).toMatchObject({
      outcome: 'dropped',
      at: { packet: 'request', hook: 'forward' },
    })
    expect(at(8080, [publish, forward([match(ct('direction'), 'reply'), drop()])])).toMatchObject({
      outcome: 'dropped',
      at: { packet: 'reply', hook: 'forward', point: 'cable' },
    })
  })
})

describe('a prediction without a source port', () => {
  test('is never certain of what a port would have made otherwise', () => {
    const edge = fc.constantFrom(1, 1024, 32_767, 32_768, 40_000, 60_999, 61_000, 65_535)
    const test = fc.record({ from: edge, to: edge, verdict: fc.constantFrom('accept', 'drop', 'jump') })
    fc.assert(
      fc.property(
        fc.array(test, { maxLength: 4 }),
        fc.integer({ min: 32_768, max: 60_999 }),
        (tests, port) => {
          const rules = tests.map(({ from, to, verdict }): Statement[] => [
            match(th('sport'), range(Math.min(from, to), Math.max(from, to))),
            verdict === 'accept' ? accept() : verdict === 'drop' ? drop() : goTo('other'),
          ])
          const host = [
            table('mine', [
              [base('forward'), ...rules],
              [{ name: 'other' }, [match(th('sport'), 40_000), drop()]],
            ]),
          ]
          const [open, known] = [of({ host }), of({ host }, { ...web, sourcePort: port })]
          expect(known.end.outcome).not.toBe('unknown')
          if (open.end.outcome !== 'unknown') expect<string>(open.end.outcome).toBe(known.end.outcome)
        },
      ),
    )
  })
})
