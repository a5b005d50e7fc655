import { expect, test } from 'bun:test'
import { bill, ingredients, notices } from './bill.mjs'

const processors = ['x64', 'arm64']

test('what is inside: what the library needs, what the page is made with, the runtime; and no tool', () => {
  const names = ingredients(processors).map(({ name }) => name)
  for (const name of [
    'bun',
    'koffi',
    '@koromix/koffi-linux-arm64',
    'svelte',
    '@lezer/yaml',
    'valibot',
    'yaml',
  ])
    expect(names).toContain(name)
  for (const name of ['vite', 'typescript', '@biomejs/biome', 'fast-check', '@types/node', 'koffi-linux-arm'])
    expect(names).not.toContain(name)
  expect(names).toEqual([...new Set(names)].sort())
})

test('the bill is the same each time, names everything once, and refers to nothing else', () => {
  const made = bill(1_700_000_000, processors)
  expect(bill(1_700_000_000, processors)).toEqual(made)
  expect(made.metadata.timestamp).toBe('2023-11-14T22:13:20.000Z')
  expect(made.serialNumber).toMatch(/^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  expect(bill(1_700_000_001, processors).serialNumber).not.toBe(made.serialNumber)
  const references = [made.metadata.component, ...made.components].map(one => one['bom-ref'])
  expect(new Set(references).size).toBe(references.length)
  expect(made.dependencies.map(({ ref }) => ref)).toEqual(references)
  for (const { dependsOn } of made.dependencies) expect(references).toEqual(expect.arrayContaining(dependsOn))
  for (const { hashes } of made.components) expect(hashes[0].content).toMatch(/^[0-9a-f]{128}$/)
})

test('the licenses are passed on', () => {
  const text = notices(['x64'])
  for (const { name, version } of ingredients(['x64'])) expect(text).toContain(`\n${name} ${version} (`)
  expect(text).toContain('Permission is hereby granted')
})
