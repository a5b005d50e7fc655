import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { NatspaceError } from '../space/errors.ts'
import { type Options, optionName, parseOptions } from './options.ts'

const options = {
  address: { kind: 'value', placeholder: 'A', help: '' },
  hostInterface: { kind: 'value', help: '' },
  publish: { kind: 'list', short: 'p', help: '' },
  as: { kind: 'value', values: ['text', 'shell'], help: '' },
  json: { kind: 'flag', short: 'j', help: '' },
  quiet: { kind: 'flag', short: 'q', help: '' },
} as const satisfies Options

const parse = (...args: string[]) => parseOptions('natspace up', args, options)

const failing = (...args: string[]): NatspaceError => {
  try {
    parse(...args)
  } catch (error) {
    if (error instanceof NatspaceError) return error
    throw error
  }
  throw new Error(`was accepted: ${args.join(' ')}`)
}

describe('what is read', () => {
  test('values, lists and flags, in every spelling', () => {
    expect(
      parse('--address', '1', 'web', '--host-interface=v', '-p', '80', '-p81', '-p=82', '--publish=83'),
    ).toEqual({
      values: { address: '1', hostInterface: 'v', publish: ['80', '81', '82', '83'] },
      positionals: ['web'],
    })
    expect(parse('-jq', 'web', '--json').values).toEqual({ json: true, quiet: true })
    expect(parse('-jp', '80').values).toEqual({ json: true, publish: ['80'] })
  })

  test('a single dash is a value and a positional; -- ends the options', () => {
    expect(parse('--address', '-', '-', '--', '--json', '--')).toEqual({
      values: { address: '-' },
      positionals: ['-', '--json', '--'],
    })
  })

  test('an empty value is a value', () => {
    expect(parse('--address=', '--publish', '').values).toEqual({ address: '', publish: [''] })
  })

  test('after the positional that ends our part, everything is kept but one --', () => {
    const rest = (...args: string[]) => parseOptions('natspace exec', args, options, 1)
    expect(rest('-q', 'web', 'ls', '-j', '--', '--unknown')).toEqual({
      values: { quiet: true },
      positionals: ['web', 'ls', '-j', '--', '--unknown'],
    })
    expect(rest('web', '--', 'ls', '--', '-q').positionals).toEqual(['web', 'ls', '--', '-q'])
    expect(rest('--', 'web', '-j').positionals).toEqual(['web', '-j'])
  })
})

describe('what is refused, with exit status 2', () => {
  const cases: [string[], string, RegExp][] = [
    [['--adress', '1'], 'UNKNOWN_OPTION', /did you mean --address\?/],
    [['--zzz'], 'UNKNOWN_OPTION', /no such option$/],
    [['-x'], 'UNKNOWN_OPTION', /no such option$/],
    [['-jx'], 'UNKNOWN_OPTION', /no such option$/],
    [['--address'], 'MISSING_VALUE', /its value is missing$/],
    [['--address', '--json'], 'MISSING_VALUE', /'--json' looks like an option/],
    [['--json=1'], 'UNWANTED_VALUE', /it takes none/],
    [['--as', 'shel'], 'BAD_CHOICE', /did you mean shell\?/],
    [['--address', '1', '--address', '2'], 'GIVEN_TWICE', /'1' and '2'/],
    [['--constructor'], 'UNKNOWN_OPTION', /no such option/],
    [['--__proto__=1'], 'UNKNOWN_OPTION', /no such option/],
  ]
  for (const [args, code, why] of cases)
    test(args.join(' '), () => {
      const error = failing(...args)
      expect([error.code, error.exit]).toEqual([code, 2])
      expect(error.why).toMatch(why)
      expect(error.fix.length).toBeGreaterThan(0)
    })
})

test('options that were written are read back', () => {
  const word = fc.string({ minLength: 1 }).filter(text => !text.startsWith('-'))
  fc.assert(
    fc.property(fc.array(word), fc.array(word), fc.boolean(), (publish, positionals, json) => {
      const args = [
        ...publish.flatMap(value => ['--publish', value]),
        ...(json ? ['-j'] : []),
        '--',
        ...positionals,
      ]
      expect(parse(...args)).toEqual({
        values: { ...(publish.length > 0 ? { publish } : {}), ...(json ? { json } : {}) },
        positionals,
      })
    }),
  )
})

test('any arguments are read or refused with status 2', () => {
  const arg = fc.oneof(
    fc.string(),
    fc.constantFrom('--address', '-p', '-jq', '--', '--as', 'text', '--address=x'),
  )
  fc.assert(
    fc.property(fc.array(arg), args => {
      try {
        parse(...args)
      } catch (error) {
        expect(error).toBeInstanceOf(NatspaceError)
        expect((error as NatspaceError).exit).toBe(2)
      }
    }),
  )
})

test('names in camel case become options', () => {
  expect(optionName('hostInterface')).toBe('--host-interface')
})
