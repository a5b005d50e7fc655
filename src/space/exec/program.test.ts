import { afterAll, beforeAll, expect, test } from 'bun:test'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findProgram } from './program.ts'

let root = ''
const file = (path: string, mode: number) => {
  writeFileSync(join(root, path), '')
  chmodSync(join(root, path), mode)
}

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'natspace-'))
  for (const folder of ['one', 'two', 'one/folder']) mkdirSync(join(root, folder))
  file('one/plain', 0o644)
  file('one/both', 0o644)
  file('two/both', 0o755)
  file('two/tool', 0o755)
})
afterAll(() => rmSync(root, { recursive: true }))

const path = () => `${root}/one:${root}/two:${root}/missing:${root}/one/plain`

test('the first that can be executed in PATH', () => {
  expect(findProgram('tool', path())).toEqual({ path: `${root}/two/tool` })
  expect(findProgram('both', path())).toEqual({ path: `${root}/two/both` })
})

test('a path is taken as it is', () => {
  expect(findProgram(`${root}/two/tool`, undefined)).toEqual({ path: `${root}/two/tool` })
})

test('what is there and cannot be executed is told from what is not there', () => {
  for (const name of ['plain', 'folder', `${root}/one/plain`, `${root}/one`])
    expect(findProgram(name, path())).toMatchObject({ problem: 'not-executable' })
  for (const name of ['nothing', '', `${root}/nothing`, `${root}/one/plain/x`, 'x'.repeat(300)])
    expect(findProgram(name, path())).toMatchObject({ problem: 'not-found' })
})

test('without PATH the folders of the system are searched', () => {
  expect(findProgram('sh', undefined)).toMatchObject({ path: expect.stringMatching(/\/sh$/) })
})
