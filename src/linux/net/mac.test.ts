import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { formatMac, parseMac } from './mac.ts'

test('round trip', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), bytes => {
      expect(parseMac(formatMac(bytes))).toEqual(bytes)
    }),
  )
  expect(parseMac('AA:bb:CC:00:01:ff')).toEqual(Uint8Array.of(0xaa, 0xbb, 0xcc, 0, 1, 0xff))
  expect(formatMac(new Uint8Array(0))).toBe('')
})

test.each([
  '',
  'aa:bb:cc:dd:ee',
  'aa:bb:cc:dd:ee:ff:00',
  'aa-bb-cc-dd-ee-ff',
  'aa:bb:cc:dd:ee:fg',
  'a:b:c:d:e:f',
  'aa:bb:cc:dd:ee:ff\n',
])('refuses %j', text => {
  expect(parseMac(text)).toBeUndefined()
})
