import { expect, test } from 'bun:test'
import { isVerb, readParams } from './requests.ts'

const good: [Parameters<typeof readParams>[0], unknown][] = [
  ['hello', {}],
  ['space', { name: 'web' }],
  ['walk', { space: 'web', to: '192.0.2.1' }],
  ['walk', { space: 'web', to: '192.0.2.1:80/tcp', timeout: 10_000 }],
  ['follow', { space: 'web', from: 'any', filter: 'tcp port 80' }],
  ['doctor', { space: 'web' }],
  ['plan', { text: '' }],
  ['plan', { remove: ['web'] }],
  ['apply', { text: 'spaces: {}' }],
  ['remove', { names: ['a', 'b'] }],
  ['setLab', { without: null }],
  ['setLab', { without: 8 }],
  ['setLab', { visit: 'published' }],
]
for (const [verb, params] of good)
  test(`${verb} takes ${JSON.stringify(params)}`, () => {
    expect(readParams(verb, params) as unknown).toEqual(params)
  })

const bad: [Parameters<typeof readParams>[0], unknown][] = [
  ['hello', { extra: 1 }],
  ['hello', null],
  ['space', {}],
  ['space', { name: '' }],
  ['space', { name: 'x'.repeat(65) }],
  ['space', { name: ['web'] }],
  ['walk', { space: 'web' }],
  ['walk', { space: 'web', to: 'x', timeout: 0 }],
  ['walk', { space: 'web', to: 'x', timeout: 10_001 }],
  ['walk', { space: 'web', to: 'x', timeout: 1.5 }],
  ['walk', { space: 'web', to: 'x', timeout: null }],
  ['plan', {}],
  ['plan', { text: 'x', remove: ['a'] }],
  ['apply', { text: 'x'.repeat(1_000_001) }],
  ['remove', { names: [] }],
  ['remove', { names: 'a' }],
  ['setLab', {}],
  ['setLab', { without: '8' }],
  ['setLab', { visit: 'other' }],
  ['setLab', { without: 8, visit: 'published' }],
]
for (const [verb, params] of bad)
  test(`${verb} refuses ${JSON.stringify(params).slice(0, 60)}`, () => {
    expect(() => readParams(verb, params)).toThrow(expect.objectContaining({ code: 'BAD_REQUEST', exit: 2 }))
  })

test('only verbs are verbs', () => {
  expect(['walk', 'constructor', '__proto__', 'toString', ''].map(isVerb)).toEqual([
    true,
    false,
    false,
    false,
    false,
  ])
})
