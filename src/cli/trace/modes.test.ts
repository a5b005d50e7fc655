import { expect, test } from 'bun:test'
import { parseOrigin } from '../../insight/trace/origin.ts'
import { NatspaceError } from '../../space/errors.ts'
import { modeOf, type TraceChoice } from './modes.ts'
import { parseVerdicts } from './verdicts.ts'

const codeOf = (action: () => unknown): string => {
  try {
    return `accepted ${JSON.stringify(action())}`
  } catch (error) {
    if (error instanceof NatspaceError && error.exit === 2 && error.fix.length > 0) return error.code
    throw error
  }
}

test('a trace follows one thing, with the options that it has', () => {
  const mode = (choice: Partial<TraceChoice>, ...given: string[]) =>
    codeOf(() => modeOf('web', { command: [], ...choice }, given))
  expect(mode({})).toBe('MISSING_ARGUMENT')
  expect(mode({ to: '192.0.2.1' }, 'to', 'timeout', 'payload', 'json')).toBe('accepted "probe"')
  expect(mode({ command: ['ls'] }, 'filter', 'asRoot', 'limit')).toBe('accepted "program"')
  expect(mode({ follow: true, from: 'any' }, 'follow', 'from', 'verdict')).toBe('accepted "follow"')
  for (const choice of [
    { to: '192.0.2.1', command: ['ls'] },
    { to: '192.0.2.1', follow: true },
    { from: 'any', command: ['ls'] },
  ])
    expect(mode(choice)).toBe('CONFLICTING_OPTIONS')
  for (const key of ['filter', 'verdict', 'limit', 'asRoot'])
    expect(mode({ to: '192.0.2.1' }, 'to', key)).toBe('CONFLICTING_OPTIONS')
  for (const key of ['sourcePort', 'payload', 'predict', 'dryRun', 'asRoot'])
    expect(mode({ follow: true }, key)).toBe('CONFLICTING_OPTIONS')
})

test('an originator is an address with or without a port, or anybody', () => {
  expect(parseOrigin('any')).toEqual({})
  expect(parseOrigin('192.0.2.7')).toEqual({ address: '192.0.2.7' })
  expect(parseOrigin('192.0.2.7:4000')).toEqual({ address: '192.0.2.7', port: 4000 })
  expect(parseOrigin('2001:DB8::7')).toEqual({ address: '2001:db8::7' })
  expect(parseOrigin('[2001:db8::7]:4000')).toEqual({ address: '2001:db8::7', port: 4000 })
  for (const text of ['', 'example.com', 'any:80', '192.0.2.7:0', '192.0.2.7:x', '\x1b[2J'])
    expect(codeOf(() => parseOrigin(text))).toBe('BAD_ORIGIN')
})

test('ends are words with commas between, once or again and again', () => {
  expect(parseVerdicts().size).toBe(5)
  expect([...parseVerdicts(['drop,lost', 'answered'])]).toEqual(['dropped', 'lost', 'answered'])
  expect([...parseVerdicts(['dropped'])]).toEqual(['dropped'])
  for (const text of ['', 'drop,', 'DROP', 'toString', '\x1b'])
    expect(codeOf(() => parseVerdicts([text]))).toBe('BAD_CHOICE')
})
