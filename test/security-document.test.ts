/** docs/security.md promises what tests show: the tests that it names must be there, and no promise may be passed over. */
import { expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const document = readFileSync(join(root, 'docs/security.md'), 'utf8')

/** `path/of.test.ts › title`, as the document writes it. */
const named = [...document.matchAll(/`([^`\s]+\.test\.(?:ts|mjs)) › ([^`]+)`/g)].map(
  ([, file = '', title = '']) => ({ file, title }),
)

/** Whether the file has a test, or a group of tests, with that title. */
const has = (file: string, title: string): boolean => {
  const path = join(root, file)
  if (!existsSync(path)) return false
  const source = readFileSync(path, 'utf8')
  return ["'", '"', '`'].some(
    quote =>
      source.includes(`(${quote}${title}${quote},`) || source.includes(`(\n    ${quote}${title}${quote},`),
  )
}

test('every test that it names is there', () => {
  expect(named.length).toBeGreaterThan(60)
  expect(named.filter(({ file, title }) => !has(file, title))).toEqual([])
})

test('nothing else in it looks like the name of a test', () => {
  expect(document.split('›').length - 1).toBe(named.length)
})

const rows = [...document.matchAll(/^\| ([CS]\d+) \| (.+) \| (.*)\|$/gm)].map(
  ([, name = '', promise = '', tests = '']) => ({ name, promise, tests: tests.trim() }),
)

test('it has each promise once', () => {
  const all = [
    ...Array.from({ length: 12 }, (_, index) => `C${index + 1}`),
    ...Array.from({ length: 30 }, (_, index) => `S${index + 1}`),
  ]
  expect(rows.map(({ name }) => name).toSorted()).toEqual(all.toSorted())
})

test('a promise that no test shows says so', () => {
  const bare = rows.filter(({ tests, promise }) => tests === '' && !/not yet|Nothing to test/.test(promise))
  expect(bare).toEqual([])
})
