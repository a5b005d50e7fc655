import { expect, test } from 'bun:test'
import { NatspaceError } from '../space/errors.ts'
import { parseLabOptions } from './options.ts'
import { scenarios } from './scenarios/index.ts'

const defaults = { json: false, quiet: false, verbose: false, color: 'auto' } as const

test('without a command the experiment is run', () => {
  const run = { ...defaults, command: 'run', without: undefined, faults: [] } as const
  expect(parseLabOptions([])).toEqual(run)
  expect(parseLabOptions(['run'])).toEqual(run)
})

test('options stand before and after the command, with and without =', () => {
  expect(parseLabOptions(['-j', 'run', '--without', '8', '--color=never'])).toEqual({
    json: true,
    quiet: false,
    verbose: false,
    color: 'never',
    command: 'run',
    without: 8,
    faults: [],
  })
  expect(parseLabOptions(['run', '--without=6', '-q'])).toMatchObject({ quiet: true, without: 6 })
  expect(parseLabOptions(['-v'])).toMatchObject({ command: 'run', verbose: true })
})

test('a shell has a place, and a program after --, which keeps its own options', () => {
  expect(parseLabOptions(['shell'])).toEqual({ ...defaults, command: 'shell', place: 'host1', words: [] })
  expect(parseLabOptions(['shell', 'host2', '--', 'ping', '-c1', '--help', '192.168.1.32'])).toEqual({
    ...defaults,
    command: 'shell',
    place: 'host2',
    words: ['ping', '-c1', '--help', '192.168.1.32'],
  })
})

test('a fault is named by its code, and all by all', () => {
  expect(parseLabOptions(['run', '--scenario', 'lnk-down'])).toMatchObject({ faults: [{ code: 'LNK-DOWN' }] })
  expect(parseLabOptions(['run', '--scenario=all'])).toMatchObject({ faults: scenarios })
  expect(parseLabOptions(['scenarios', '-j'])).toEqual({ ...defaults, json: true, command: 'scenarios' })
})

test('help goes before everything', () => {
  for (const args of [['--help'], ['-h'], ['help'], ['run', '-h'], ['shell', 'host2', '--help']])
    expect(parseLabOptions(args).command).toBe('help')
})

const refused: [string[], string][] = [
  [['run', '--without', '3'], 'steps 1 to 5 make the cable itself'],
  [['run', '--without', '10'], 'it is the number of a step'],
  [['run', '--without'], '--without cannot be empty'],
  [['run', '--without='], 'it is the number of a step'],
  [['run', 'host1'], "cannot take 'host1'"],
  [['run', '--', 'true'], 'takes no program'],
  [['up'], "no command 'up'"],
  [['shell', 'host3'], "no 'host3'"],
  [['shell', 'constructor'], "no 'constructor'"],
  [['shell', 'host1', 'host2'], "cannot take 'host2'"],
  [['shell', '--without', '8'], 'no --without'],
  [['run', '--scenario', 'LNK-DWN'], 'perhaps LNK-DOWN is meant'],
  [['run', '--scenario', '6', '--without', '6'], "--scenario cannot be '6'"],
  [['run', '--scenario', 'all', '--without', '6'], 'takes --without or --scenario'],
  [['scenarios', 'all'], "cannot take 'all'"],
  [['scenarios', '--scenario', 'all'], 'no --scenario'],
  [['--color', 'blue'], "--color cannot be 'blue'"],
  [['--whithout', '8'], 'perhaps --without is meant'],
  [['-x'], "no option '-x'"],
]

for (const [args, words] of refused)
  test(`refused with exit 2: natspace lab ${args.join(' ')}`, () => {
    let error: unknown
    try {
      parseLabOptions(args)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(NatspaceError)
    expect(error).toMatchObject({ exit: 2, fix: ['natspace lab --help'] })
    expect((error as Error).message).toContain(words)
  })
