import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { catalogue } from '../insight/doctor/catalogue.ts'
import { codes } from './codes.ts'

const src = join(import.meta.dirname, '..')

/** Names in capitals that are no codes: variables of the environment, capabilities, and the like. */
const others =
  /^(NATSPACE[_-]|NO_COLOR$|CAP_|SUDO_|LD_|E[A-Z]+$|SIG|LANG$|PATH$|TERM$|HOME$|SHELL$|USER$|LOGNAME$|CLONE_|RLIMIT_|ICMP_|DOCKER-)/

/** Literals that stand where a code stands, or look like one. */
const codesIn = (text: string): string[] => [
  ...[...text.matchAll(/\bcode: '([A-Z][A-Z0-9_-]+)'/g)].map(match => match[1] ?? ''),
  ...[...text.matchAll(/'([A-Z]{2,}(?:[_-][A-Z][A-Z0-9]*)+)'/g)].map(match => match[1] ?? ''),
]

const filesOf = (wing: string): string[] =>
  readdirSync(join(src, wing), { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.ts') && !/\.test\.ts$|test-support|codes\.ts$/.test(file))
    .map(file => join(wing, file))

/** Most of src/insight tells errors of the kernel by their own names; what reads a person's words has codes. */
const isReader = (file: string): boolean =>
  /\bnew NatspaceError\(/.test(readFileSync(join(src, file), 'utf8'))

const sources = [
  ...['space', 'cli', 'lab', 'server'].flatMap(filesOf),
  ...filesOf('insight').filter(isReader),
]

test('every code that is thrown is explained', () => {
  const unknown = sources.flatMap(file =>
    codesIn(readFileSync(join(src, file), 'utf8'))
      .filter(code => !others.test(code) && !Object.hasOwn(codes, code))
      .map(code => `${file}: ${code}`),
  )
  expect(unknown).toEqual([])
})

test('every code that is explained is thrown', () => {
  const thrown = new Set(sources.flatMap(file => codesIn(readFileSync(join(src, file), 'utf8'))))
  const isFault = (code: string) => Object.hasOwn(catalogue, code)
  expect(Object.keys(codes).filter(code => !thrown.has(code) && !isFault(code))).toEqual([])
})

test('every fault of the catalogue is found by something', () => {
  const checks = filesOf('insight/doctor')
    .filter(file => !file.includes('catalogue'))
    .map(file => readFileSync(join(src, file), 'utf8'))
    .join('\n')
  expect(Object.keys(catalogue).filter(code => !checks.includes(`'${code}'`))).toEqual([])
})

test('the texts are whole sentences', () => {
  for (const [code, { title, meaning, remedy }] of Object.entries(codes)) {
    expect(`${code}: ${title}`).toMatch(/[^.]$/)
    for (const text of [meaning, remedy]) expect(`${code}: ${text}`).toMatch(/\.$/)
  }
})
