import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { proveNothingLeft } from './leftovers.ts'
import { differences, type Snapshot, snapshotKinds } from './snapshot.ts'

const lines = fc.array(fc.string(), { maxLength: 8 })

test('there are no differences exactly when both have the same lines', () => {
  fc.assert(
    fc.property(lines, lines, (before, after) => {
      const same = JSON.stringify([...new Set(before)].sort()) === JSON.stringify([...new Set(after)].sort())
      expect(differences(before, after).length === 0).toBe(same)
    }),
  )
})

test('a line more and a line less are both told', () => {
  expect(differences(['a', 'b'], ['b', 'c'])).toEqual(['+ c', '- a'])
})

const picture = (changes: Partial<Snapshot> = {}): Snapshot => ({
  links: ['lo', 'eth0'],
  addresses: [],
  routes: [],
  'routing rules': [],
  'nft ruleset': [],
  settings: ['net/ipv4/ip_forward = 0'],
  'files and namespaces': [],
  ...changes,
})

test('nothing is left: a proof for each kind, and each holds', () => {
  const proofs = proveNothingLeft(picture(), picture())
  expect(proofs.map(proof => proof.name)).toEqual(snapshotKinds.map(kind => `nothing is left: ${kind}`))
  expect(proofs.every(proof => proof.ok && proof.seen === proof.expected)).toBe(true)
})

test('what is left fails the proof of its kind alone, and is shown', () => {
  const proofs = proveNothingLeft(picture(), picture({ settings: ['net/ipv4/ip_forward = 1'] }))
  expect(proofs.filter(proof => !proof.ok)).toEqual([
    {
      name: 'nothing is left: settings',
      ok: false,
      expected: 'the same 1 as before up',
      seen: '+ net/ipv4/ip_forward = 1\n- net/ipv4/ip_forward = 0',
    },
  ])
})

test('of many leftovers the first are shown and the others counted', () => {
  const links = ['lo', 'eth0', ...Array.from({ length: 8 }, (_, index) => `veth${index}`)]
  expect(proveNothingLeft(picture(), picture({ links }))[0]?.seen.split('\n').at(-1)).toBe('and 3 more')
})
