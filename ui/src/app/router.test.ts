import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { hrefOf, parseRoute, views } from './router.ts'

test('an address names a view and what follows', () => {
  expect(parseRoute('#/walk/7')).toEqual({ view: 'walk', path: ['7'] })
  expect(parseRoute('#/doctor')).toEqual({ view: 'doctor', path: [] })
  expect(parseRoute('#/walk/%')).toEqual({ view: 'walk', path: ['%'] })
})

test('what is not known is the topology', () => {
  for (const hash of ['', '#', '#/', '#/constructor', '#token=abc'])
    expect(parseRoute(hash)).toEqual({ view: 'topology', path: [] })
})

test('the address of a route is the route of the address', () => {
  fc.assert(
    fc.property(fc.constantFrom(...views), fc.array(fc.string({ minLength: 1 })), (view, path) => {
      expect(parseRoute(hrefOf(view, ...path))).toEqual({ view, path })
    }),
  )
})
