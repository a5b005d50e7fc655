import { expect, test } from 'bun:test'
import type { Kernel } from '../../linux/kernel.ts'
import { Observation } from './observation.ts'
import { newHost } from './test-support.ts'

const asked: string[] = []

/** A host that notes which lists it is asked for. */
const watchedHost = (): Kernel => {
  const { kernel } = newHost()
  asked.splice(0)
  return new Proxy<Kernel>(kernel, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property)
      if (typeof value !== 'function') return value
      return (...words: unknown[]) => {
        asked.push([String(property), ...words.slice(1)].join(' '))
        return Reflect.apply(value, target, words) as unknown
      }
    },
  })
}

test('every list is read once, whoever asks for how much of it', () => {
  const seen = new Observation(watchedHost())
  expect(seen.link(undefined, 'eth0')).toBe(seen.links(undefined).get('eth0'))
  expect(seen.link(undefined, 'nobody')).toBeUndefined()
  const index = seen.link(undefined, 'eth0')?.index ?? 0
  expect(seen.addressesOf(undefined, index)).toBe(seen.addresses(undefined).get(index) as never)
  expect(asked).toEqual(['links', 'addresses'])
})

test('where few links matter each is asked for by itself, once, and found as in the list', () => {
  const all = new Observation(newHost().kernel)
  const seen = new Observation(watchedHost(), true)
  const link = seen.link(undefined, 'eth0')
  expect(link).toEqual(all.link(undefined, 'eth0'))
  expect(seen.link(undefined, 'eth0')).toBe(link)
  expect(seen.link(undefined, 'nobody')).toBeUndefined()
  const index = link?.index ?? 0
  expect(seen.addressesOf(undefined, index)).toEqual(all.addressesOf(undefined, index))
  seen.addressesOf(undefined, index)
  expect(asked).toEqual(['links eth0', 'links nobody', `addresses ${index}`])
})

test('once all are known nothing is asked for by itself', () => {
  const seen = new Observation(watchedHost(), true)
  seen.links(undefined)
  seen.link(undefined, 'eth0')
  expect(asked).toEqual(['links'])
})
