import { afterAll, beforeAll, expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { commandNames, loadCommands } from '../registry.ts'
import { bashScript } from './bash.ts'
import { commandFacts } from './facts.ts'

let state = ''
let script = ''
beforeAll(async () => {
  state = mkdtempSync(join(tmpdir(), 'natspace-'))
  mkdirSync(join(state, 'spaces'))
  for (const name of ['web', 'db', '$(echo evil)', 'two words'])
    writeFileSync(join(state, 'spaces', `${name}.json`), '{}')
  script = bashScript((await loadCommands()).map(commandFacts)).join('\n')
})
afterAll(() => rmSync(state, { recursive: true }))

/** What bash offers for the last word. */
const complete = (...words: string[]): string[] => {
  const call = `COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _natspace; printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout, stderr } = spawnSync('bash', ['-c', `${script}\n${call}`, 'bash', ...words], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, NATSPACE_STATE: state },
  })
  expect(stderr).toBe('')
  return stdout.split('\n').filter(Boolean)
}

test('commands', () => {
  expect(complete('natspace', '')).toEqual(expect.arrayContaining([...commandNames, 'help', '--json']))
  expect(complete('natspace', 'pl')).toEqual(['plan'])
  expect(complete('natspace', '-j', '--color', 'never', 'st')).toEqual(['status'])
  expect(complete('natspace', 'help', 'ex')).toEqual(['exec', 'export', 'explain'])
})

test('options of the command, and their values', () => {
  expect(complete('natspace', 'up', '--ho')).toEqual(['--host-interface', '--host'])
  expect(complete('natspace', 'ls', '--pub')).toEqual([])
  expect(complete('natspace', 'plan', '--as', 's')).toEqual(['shell'])
  expect(complete('natspace', 'plan', '--as', '=', 'i')).toEqual(['iptables'])
  expect(complete('natspace', 'plan', '--as', '=')).toEqual(['text', 'shell', 'iptables', 'nft', 'json'])
  expect(complete('natspace', '--color', '')).toEqual(['auto', 'always', 'never'])
  expect(complete('natspace', 'up', '--address', '')).toEqual([])
  expect(complete('natspace', 'up', '--uplink', 'l')).toContain('lo')
})

test('names of spaces, never expanded', () => {
  expect(complete('natspace', 'status', 'w')).toEqual(['web'])
  expect(complete('natspace', 'down', '-q', 'web', '')).toEqual(
    expect.arrayContaining(['\\$\\(echo\\ evil\\)', 'db', 'two\\ words', 'web']),
  )
  expect(complete('natspace', 'up', '--mtu', '1500', 'd')).toEqual(['db'])
})

test('programs for exec, after the name', () => {
  expect(complete('natspace', 'exec', 'web', 'mkdi')).toContain('mkdir')
  expect(complete('natspace', 'exec', '--as-root', 'web', '--', 'mkdi')).toContain('mkdir')
})

test('steps and codes for explain', () => {
  expect(complete('natspace', 'explain', 'OVER')).toEqual(['OVERLAP'])
})
