import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { helpAt } from './schema.ts'

const schema: unknown = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../docs/spec.schema.json'), 'utf8'),
)

test('the keys of a space are offered with their descriptions', () => {
  const { keys } = helpAt(schema, ['spaces', 'web'])
  const names = keys.map(({ name }) => name)
  for (const name of ['address', 'gateway', 'publish', 'internal', 'egress']) expect(names).toContain(name)
  expect(keys.every(({ description }) => description !== '')).toBe(true)
  expect(keys.find(({ name }) => name === 'publish')).toMatchObject({ list: true })
})

test('the top has spaces, and nothing that only editors need', () => {
  expect(helpAt(schema, []).keys.map(({ name }) => name)).toEqual(['spaces'])
})

test('values and examples are those of the schema', () => {
  expect(helpAt(schema, ['spaces', 'web', 'internal']).values).toContain('true')
  expect(helpAt(schema, ['spaces', 'web', 'ipv6']).values).toEqual(expect.arrayContaining(['on', 'off']))
  expect(helpAt(schema, ['spaces', 'web', 'gateway']).examples).toContain('192.168.45.2/24')
  expect(helpAt(schema, ['spaces', 'web', 'publish', undefined]).examples).toContain('8080:80')
})

test('what the schema does not know gets no help, and neither does no schema', () => {
  const none = { description: '', values: [], examples: [], keys: [] }
  expect(helpAt(schema, ['spaces', 'web', 'address', 'further'])).toEqual(none)
  expect(helpAt(schema, ['constructor'])).toEqual(none)
  for (const odd of [undefined, null, 7, [], 'x']) expect(helpAt(odd, ['spaces'])).toEqual(none)
})
