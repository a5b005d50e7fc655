import { expect, test } from 'bun:test'
import { ProgramError, type ProgramName, runProgram } from './program.ts'

/** Programs that every machine has, in the place of a firewall's. */
const stand = (name: string) => name as ProgramName

const failure = (program: string, ...words: string[]): ProgramError => {
  try {
    runProgram(stand(program), words)
  } catch (error) {
    if (error instanceof ProgramError) return error
    throw error
  }
  throw new Error(`${program} did not fail`)
}

test('gives back what the program printed, and takes words as they are', () => {
  expect(runProgram(stand('printf'), ['%s|', 'a b', '$HOME', "it's"])).toBe("a b|$HOME|it's|")
})

test('finds programs where the system keeps them, in no other language', () => {
  const before = process.env.PATH
  process.env.PATH = '/nowhere'
  try {
    expect(runProgram(stand('env'), []).trim().split('\n').sort()).toEqual([
      'LC_ALL=C.UTF-8',
      'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
    ])
  } finally {
    process.env.PATH = before
  }
})

test('its own words are those of the error', () => {
  const error = failure('sh', '-c', 'echo out; echo "no such zone" >&2; exit 112')
  expect(error).toMatchObject({ program: 'sh', status: 112, code: 'EXIT' })
  expect(error.message).toBe('sh: no such zone; out')
  expect(failure('false').message).toBe('false: ended with status 1')
})

test('a program that is not there says so', () => {
  expect(failure('natspace-has-no-such-program')).toMatchObject({
    status: undefined,
    code: 'ENOENT',
    message: 'natspace-has-no-such-program: not installed',
  })
})
