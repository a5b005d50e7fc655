import { expect, test } from 'bun:test'
import { entryOf, madeEntry, mirrorOf, translatedEntry } from './connection.ts'

const tcp = {
  family: 4,
  source: '192.168.45.3',
  sourcePort: 40000,
  destination: '192.168.1.15',
  destinationPort: 80,
  protocol: 6,
} as const

test('the mirror of the mirror is the tuple, of ICMP as well', () => {
  const echo = { source: 'a', destination: 'b', protocol: 1, icmp: { type: 8, code: 0, id: 7 } }
  expect(mirrorOf(echo)).toEqual({
    source: 'b',
    destination: 'a',
    protocol: 1,
    icmp: { type: 0, code: 0, id: 7 },
  })
  const { family: _family, ...tuple } = tcp
  expect(mirrorOf(mirrorOf(tuple))).toEqual(tuple)
})

test('SNAT changes where the answer must go, DNAT where it must come from', () => {
  const made = madeEntry(tcp)
  expect(made).toMatchObject({ state: 'made', translated: [] })
  const snat = translatedEntry(made, [
    { field: 'source', before: '192.168.45.3', after: '192.168.1.32' },
    { field: 'sourcePort', before: 40000, after: 50000 },
    { field: 'ttl', before: 64, after: 63 },
  ])
  expect(snat.reply).toMatchObject({
    destination: '192.168.1.32',
    destinationPort: 50000,
    source: '192.168.1.15',
  })
  expect(snat.translated).toEqual(['destination', 'destinationPort'])
  const dnat = translatedEntry(made, [{ field: 'destination', before: '192.168.1.15', after: '10.0.0.1' }])
  expect(dnat.translated).toEqual(['source'])
})

test('an identifier of ICMP that was changed is told', () => {
  const echo = { source: 'a', destination: 'b', protocol: 1, icmp: { type: 8, code: 0, id: 7 } }
  expect(entryOf('known', echo, { ...mirrorOf(echo), icmp: { type: 0, code: 0, id: 8 } }).translated).toEqual(
    ['id'],
  )
})
