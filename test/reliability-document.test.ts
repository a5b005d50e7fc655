/** docs/reliability.md names a test for each failure: they must be there, and no failure may be passed over. */
import { expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const document = readFileSync(join(root, 'docs/reliability.md'), 'utf8')

test('every test that it names is there', () => {
  const named = [...document.matchAll(/`([^`\s]+\.test\.ts) › ([^`]+)`/g)]
  expect(named.length).toBeGreaterThan(30)
  const missing = named.filter(([, file = '', title = '']) => {
    const path = join(root, file)
    return !existsSync(path) || !readFileSync(path, 'utf8').includes(`'${title}'`)
  })
  expect(missing.map(([text]) => text)).toEqual([])
  expect(document.split('›').length - 1).toBe(named.length)
})

test('it has each failure once', () => {
  const rows = [...document.matchAll(/^\| (F\d+) \|/gm)].map(([, name]) => name)
  expect(rows).toEqual(Array.from({ length: 24 }, (_, index) => `F${index + 1}`))
})
