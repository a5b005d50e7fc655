import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { exampleWalk } from './example.test-support.ts'
import { type Frame, framesOf } from './frames.ts'
import { headersText, tupleText } from './headers.ts'

const places = (frames: Frame[]) =>
  frames.map(({ packet, station, place }) => `${packet} ${station ?? place}`)
const seen = ({ after }: Frame) => (after === undefined ? '-' : headersText(after))

describe('an echo that is answered', () => {
  const frames = framesOf(exampleWalk('answered'))

  test('goes out and comes back, in the order of the kernel', () => {
    expect(places(frames)).toEqual([
      'request inside/programs',
      'request inside/routing-out',
      'request cable',
      'request host/prerouting/inet natspace guard',
      'request host/prerouting/conntrack',
      'request host/prerouting/inet natspace prerouting',
      'request host/routing-in',
      'request host/forward/inet natspace forward',
      'request host/postrouting/inet natspace postrouting',
      'request host/postrouting/inet natspace claims',
      'request uplink',
      'request remote',
      'reply uplink',
      'reply host/prerouting/inet natspace guard',
      'reply host/prerouting/conntrack',
      'reply host/routing-in',
      'reply host/forward/inet natspace forward',
      'reply host/postrouting/inet natspace claims',
      'reply cable',
      'reply inside/routing-in',
      'reply inside/programs',
    ])
  })

  test('has the addresses of the experiment at each point', () => {
    const links = frames.filter(({ kind }) => kind === 'crossing')
    expect(links.map(frame => `${frame.interface} ${seen(frame)}`)).toEqual([
      'veth1 192.168.45.3 > 192.168.1.15, id 29610',
      'eth0 192.168.1.32 > 192.168.1.15, id 29610',
      'eth0 192.168.1.15 > 192.168.1.32, id 29610',
      'veth1 192.168.1.15 > 192.168.45.3, id 29610',
    ])
  })

  test('is translated by a rule on its way out, and by connection tracking on the way back', () => {
    const changed = frames.filter(({ changes }) => changes.some(({ field }) => field !== 'ttl'))
    expect(
      changed.map(({ event, before, after }) => [
        event?.kind,
        before?.source,
        after?.source,
        after?.destination,
      ]),
    ).toEqual([
      ['chain', '192.168.45.3', '192.168.1.32', '192.168.1.15'],
      ['conntrack', '192.168.1.15', '192.168.1.15', '192.168.45.3'],
    ])
  })

  test('makes an entry, which learns of the translation, is known when it has left, and then answered', () => {
    const told = frames.map(({ entry }) => entry && `${entry.state} ${tupleText(entry.reply)}`)
    expect(told.slice(0, 4)).toEqual([undefined, undefined, undefined, undefined])
    expect(told[4]).toBe('made 192.168.1.15 > 192.168.45.3, id 29610')
    expect(told[8]).toBe('made 192.168.1.15 > 192.168.1.32, id 29610')
    expect(told[10]).toBe('known 192.168.1.15 > 192.168.1.32, id 29610')
    expect(told[14]).toBe('answered 192.168.1.15 > 192.168.1.32, id 29610')
    expect(frames[8]?.entry?.translated).toEqual(['destination'])
  })

  test('is guilty nowhere', () => expect(frames.some(({ isGuilty }) => isGuilty)).toBe(false))
})

test('a policy that drops is where it ends, and the entry is gone with the packet', () => {
  const frames = framesOf(exampleWalk('policy'))
  expect(frames.findIndex(({ isGuilty }) => isGuilty)).toBe(frames.length - 1)
  expect(frames.at(-1)).toMatchObject({
    station: 'host/forward/ip filter FORWARD',
    place: 'host',
    entry: { state: 'gone' },
  })
})

test('a host that does not forward ends it at its routing decision', () => {
  expect(framesOf(exampleWalk('unforwarded')).at(-1)).toMatchObject({
    station: 'host/routing-in',
    isGuilty: true,
  })
})

test('without a translation it gets to the other end, as it left, and nothing comes back', () => {
  const last = framesOf(exampleWalk('untranslated')).at(-1)
  expect(last).toMatchObject({ packet: 'request', kind: 'end', place: 'remote', isGuilty: false })
  expect(last?.after?.source).toBe('192.168.45.3')
})

test('a visit at a published port is led into the space by DNAT, and its answer back without a rule', () => {
  const frames = framesOf(exampleWalk('published'))
  const dnat = frames.find(({ changes }) => changes.some(({ field }) => field === 'destination'))
  expect(dnat).toMatchObject({
    station: 'host/prerouting/inet natspace prerouting',
    before: { destination: '192.168.1.32', destinationPort: 8080 },
    after: { destination: '192.168.45.3', destinationPort: 80 },
    entry: { translated: ['source', 'sourcePort'] },
  })
  const back = frames.findLast(({ changes }) => changes.some(({ field }) => field === 'source'))
  expect(back).toMatchObject({
    packet: 'reply',
    station: 'host/postrouting/conntrack',
    after: { source: '192.168.1.32' },
  })
  expect(frames.at(-1)).toMatchObject({ place: 'remote', kind: 'end' })
})

test('what the host answers in the space’s stead begins at the programs of the host', () => {
  const frames = framesOf(exampleWalk('unpublished'))
  const reply = frames.find(({ packet }) => packet === 'reply')
  expect(reply).toMatchObject({ kind: 'start', place: 'host', station: 'host/programs' })
  expect(frames.some(({ lane }) => lane === 'inside')).toBe(false)
})

test('what a space sends to itself comes to no cable', () => {
  const { story } = exampleWalk('answered')
  const [inside] = story.points
  const own = {
    ...story,
    events: story.events.filter(({ point, packet }) => point === 'inside' && packet === 'request'),
    points: inside === undefined ? [] : [{ ...inside, interface: 'lo' }],
  }
  expect(places(framesOf({ story: own }))).toEqual([
    'request inside/programs',
    'request inside/routing-out',
    'request inside/programs',
    'reply inside/programs',
    'reply inside/programs',
  ])
})

test('a packet that nobody saw has one frame, of what was wanted', () => {
  const walk = exampleWalk('answered')
  const story = { ...walk.story, events: [], points: [] }
  expect(framesOf({ story })).toHaveLength(2)
  expect(framesOf({ story })[0]).toMatchObject({ kind: 'start', before: { source: '192.168.45.3' } })
})

test('whatever is missing of a story, there are frames, each with a place', () => {
  const walk = exampleWalk('answered')
  const events = fc.subarray(walk.story.events)
  const points = fc.subarray(walk.story.points)
  const outcome = fc.constantFrom('answered', 'refused', 'delivered', 'dropped', 'lost' as const)
  const direction = fc.constantFrom('out', 'in' as const)
  fc.assert(
    fc.property(events, points, outcome, direction, (some, few, how, way) => {
      const story = {
        ...walk.story,
        events: some,
        points: few,
        direction: way,
        end: { ...walk.story.end, outcome: how },
      }
      const frames = framesOf({ story })
      expect(frames.length).toBeGreaterThan(0)
      expect(frames.filter(({ event }) => event !== undefined)).toHaveLength(some.length)
      expect(frames.filter(({ isGuilty }) => isGuilty).length).toBeLessThanOrEqual(1)
      for (const { place, station } of frames) expect([place, station].some(Boolean)).toBe(true)
    }),
  )
})
